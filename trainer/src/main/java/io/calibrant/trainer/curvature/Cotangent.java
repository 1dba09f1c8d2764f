package io.calibrant.trainer.curvature;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What one backward pass starts from: for every question of a batch a combination of its class logits.
 *
 * @param values row-major [B, K], zero outside a question's own classes; not to be modified
 * @param active which questions take part: [B]; the rows of the others are zero and enter no sum
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody; private to this package
record Cotangent(float[] values, boolean[] active) {
    /**
     * The C - 1 passes of the exact Fisher. With G the Jacobian of a question's logits its Fisher is G^T (diag(p) - p
     * p^T) G; the passes start from the columns of the Cholesky factor of the matrix in the middle, which is known in
     * closed form (Tanabe and Sagae 1992): with tails t_i = p_i + ... + p_C
     *
     * <pre>L_ii = sqrt(p_i t_i+1 / t_i),   L_ji = -p_j sqrt(p_i / (t_i t_i+1)),  j &gt; i</pre>
     *
     * <p>Each column sums to zero, so it is a combination of contrasts z_c - z_C, and the C-th is zero. Nothing is
     * subtracted, so that saturated probabilities lose no digits. A question with fewer choices takes part in fewer
     * passes.
     *
     * @param probabilities per question [C], in the order of its choices
     * @param classes per question [C], where its choices stand among the K classes
     */
    static List<Cotangent> exact(double[][] probabilities, int[][] classes, int classCount) {
        int passes = Arrays.stream(classes).mapToInt(c -> c.length - 1).max().orElse(0);
        List<Cotangent> cotangents = new ArrayList<>();
        for (int i = 0; i < passes; i++) {
            float[] values = new float[classes.length * classCount];
            boolean[] active = new boolean[classes.length];
            for (int b = 0; b < classes.length; b++) {
                if (i < classes[b].length - 1) {
                    active[b] = true;
                    double[] column = choleskyColumn(probabilities[b], i);
                    for (int c = i; c < column.length; c++) {
                        values[b * classCount + classes[b][c]] = (float) column[c];
                    }
                }
            }
            cotangents.add(new Cotangent(values, active));
        }
        return cotangents;
    }

    private static double[] choleskyColumn(double[] p, int i) {
        double after = 0;
        for (int c = p.length - 1; c > i; c--) {
            after += p[c];
        }
        double[] column = new double[p.length];
        if (after > 0) {
            double from = p[i] + after;
            column[i] = Math.sqrt(p[i] * after / from);
            double scale = Math.sqrt(p[i] / from / after);
            for (int c = i + 1; c < p.length; c++) {
                column[c] = -p[c] * scale;
            }
        }
        return column;
    }

    /**
     * The one pass of a Fisher that knows a label: the gradient of -log p_label by the logits, never divided by B.
     *
     * @param labels per question, the place among its choices
     */
    static Cotangent ofLabels(ClassProbabilities classes, int[] labels) {
        boolean[] active = new boolean[labels.length];
        Arrays.fill(active, true);
        return new Cotangent(classes.lossCotangent(labels, 1), active);
    }
}
