package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.List;

/**
 * Each question's probabilities over its own choices, in double precision on the host. One softmax, over the question's
 * class logits and nothing else.
 *
 * @param probabilities per question [C], in the order of its choices
 * @param logProbabilities the same, log
 * @param classes per question [C], where its choices stand among the K classes
 * @param classCount K
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
public record ClassProbabilities(
        double[][] probabilities, double[][] logProbabilities, int[][] classes, int classCount) {
    /**
     * From the logits of a pass.
     *
     * @param logits [B, K]
     * @param prompts the B questions of the batch
     */
    public static ClassProbabilities of(NDArray logits, List<EncodedPrompt> prompts) {
        int classCount = Math.toIntExact(logits.getShape().get(1));
        float[] z = logits.toFloatArray();
        double[][] p = new double[prompts.size()][];
        double[][] logP = new double[prompts.size()][];
        int[][] classes = new int[prompts.size()][];
        for (int b = 0; b < p.length; b++) {
            classes[b] = prompts.get(b).classes();
            int choices = classes[b].length;
            double largest = Double.NEGATIVE_INFINITY;
            for (int c : classes[b]) {
                largest = Math.max(largest, z[b * classCount + c]);
            }
            double sum = 0;
            for (int c : classes[b]) {
                sum += Math.exp(z[b * classCount + c] - largest);
            }
            p[b] = new double[choices];
            logP[b] = new double[choices];
            for (int c = 0; c < choices; c++) {
                logP[b][c] = z[b * classCount + classes[b][c]] - largest - Math.log(sum);
                p[b][c] = Math.exp(logP[b][c]);
            }
        }
        return new ClassProbabilities(p, logP, classes, classCount);
    }

    /**
     * Sum of log p(label).
     *
     * @param labels per question, the place among its choices
     */
    public double logLikelihood(int[] labels) {
        double sum = 0;
        for (int b = 0; b < labels.length; b++) {
            sum += logProbabilities[b][labels[b]];
        }
        return sum;
    }

    /**
     * In how many questions the label is more probable than every other choice.
     *
     * @param labels per question, the place among its choices
     */
    public int right(int[] labels) {
        int right = 0;
        for (int b = 0; b < labels.length; b++) {
            int others = 0;
            for (int c = 0; c < probabilities[b].length; c++) {
                others += c != labels[b] && probabilities[b][c] < probabilities[b][labels[b]] ? 1 : 0;
            }
            right += others == probabilities[b].length - 1 ? 1 : 0;
        }
        return right;
    }

    /**
     * The gradient of the sum of -log p(label) by the logits: p - e_label for each question, times a factor.
     *
     * @param labels per question, the place among its choices
     * @param factor 1 for the per-example loss of curvature, 1 / B for the mean loss of training
     * @return row-major [B, K], zero outside a question's own classes
     */
    public float[] lossCotangent(int[] labels, double factor) {
        float[] values = new float[labels.length * classCount];
        for (int b = 0; b < labels.length; b++) {
            for (int c = 0; c < classes[b].length; c++) {
                values[b * classCount + classes[b][c]] =
                        (float) (factor * (probabilities[b][c] - (c == labels[b] ? 1 : 0)));
            }
        }
        return values;
    }
}
