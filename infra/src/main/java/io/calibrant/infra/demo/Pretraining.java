package io.calibrant.infra.demo;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Trains a tiny model on the next token of every prompt, and on the label among the labels at its end. All linear maps
 * and the head are trained; embedding and norms stay as they were drawn, which is enough for a vocabulary of 512.
 * Weights and moments live in Java arrays: at this size that costs nothing.
 *
 * <p>Legend: B batch, T tokens, V vocabulary.
 */
final class Pretraining {
    private static final double BETA_1 = 0.9;
    private static final double BETA_2 = 0.999;
    private static final double EPSILON = 1e-8;
    private static final double DECAY = 0.01;
    private static final double LARGEST_NORM = 1;

    /** One weight with its moments. */
    private static final class Parameter {
        final float[] weight;
        final Shape shape;
        final double[] first;
        final double[] second;
        NDArray leaf;

        Parameter(float[] weight, Shape shape) {
            this.weight = weight;
            this.shape = shape;
            first = new double[weight.length];
            second = new double[weight.length];
        }
    }

    private final LanguageModel model;
    private final ClassTokens classes;
    private final Map<String, Parameter> parameters = new TreeMap<>();
    private int steps;

    /**
     * Starts from given weights.
     *
     * @param model the frozen forward pass, whose own linear maps are not used
     * @param weights by module path, row-major [Dout, Din]; changed in place
     * @param shapes of the weights
     */
    Pretraining(LanguageModel model, ClassTokens classes, Map<String, float[]> weights, Map<String, Shape> shapes) {
        this.model = model;
        this.classes = classes;
        weights.forEach((path, weight) -> parameters.put(path, new Parameter(weight, shapes.get(path))));
    }

    /**
     * One step of AdamW.
     *
     * @return the mean negative log-likelihood of the labels, nats
     */
    double step(List<EncodedPrompt> prompts, double learningRate) {
        TokenBatch batch =
                TokenBatch.leftPadded(prompts.stream().map(EncodedPrompt::ids).toList(), 2);
        try (NDManager pass = model.newManager()) {
            parameters.values().forEach(parameter -> {
                parameter.leaf = Constants.array(pass, parameter.weight, parameter.shape, DataType.FLOAT32);
                parameter.leaf.setRequiresGradient(true);
            });
            NDArray logits = Autograd.recorded(() -> model.fullLogits(batch, hook(), pass));
            float[] values = logits.toFloatArray();
            double loss = toCotangent(values, batch, prompts);
            Autograd.backward(logits, Constants.array(pass, values, logits.getShape(), DataType.FLOAT32), false);
            update(learningRate);
            return loss;
        }
    }

    private LinearHook hook() {
        Map<String, NDArray> leaves = new HashMap<>();
        parameters.forEach((path, parameter) -> leaves.put(path, parameter.leaf));
        return new LinearHook() {
            @Override
            public boolean needsAllTokens(String path) {
                return true;
            }

            @Override
            public int recordsFrom() {
                return 0;
            }

            @Override
            public NDArray apply(String path, NDArray x, NDArray weight, NDArray base) {
                return LinearHook.linear(x, leaves.get(path), base);
            }
        };
    }

    /**
     * Replaces logits [B, T, V] by the gradient of the loss: the mean over tokens of the next token's cross-entropy
     * plus the mean over questions of the label's among its labels.
     *
     * @return the latter
     */
    private double toCotangent(float[] values, TokenBatch batch, List<EncodedPrompt> prompts) {
        int vocabulary = model.config().vocabularySize();
        int tokens = batch.tokens();
        long[] ids = batch.ids();
        int[] classIds = classes.ids();
        double loss = 0;
        double perToken = 1.0 / batch.realTokens();
        double perQuestion = 1.0 / prompts.size();
        for (int b = 0; b < prompts.size(); b++) {
            EncodedPrompt prompt = prompts.get(b);
            int[] choices = prompt.classes();
            int[] labels = new int[choices.length];
            for (int c = 0; c < labels.length; c++) {
                labels[c] = classIds[choices[c]];
            }
            int truth = labels[prompt.question().answerIndex().orElseThrow()];
            for (int t = 0; t < tokens; t++) {
                int row = (b * tokens + t) * vocabulary;
                double[] answer = t == tokens - 1 ? softmax(values, row, labels) : new double[0];
                next(
                        values,
                        row,
                        t == tokens - 1 ? truth : (int) ids[b * tokens + t + 1],
                        batch.isReal(b, t) ? perToken : 0);
                for (int c = 0; c < answer.length; c++) {
                    boolean right = labels[c] == truth;
                    loss -= right ? perQuestion * Math.log(answer[c]) : 0;
                    values[row + labels[c]] += (float) (perQuestion * (answer[c] - (right ? 1 : 0)));
                }
            }
        }
        return loss;
    }

    /** One row of logits becomes weight * (softmax - one-hot of the target). */
    private void next(float[] values, int row, int target, double weight) {
        int vocabulary = model.config().vocabularySize();
        double top = Double.NEGATIVE_INFINITY;
        for (int v = 0; v < vocabulary; v++) {
            top = Math.max(top, values[row + v]);
        }
        double sum = 0;
        for (int v = 0; v < vocabulary; v++) {
            sum += Math.exp(values[row + v] - top);
        }
        for (int v = 0; v < vocabulary; v++) {
            values[row + v] = (float) (weight * (Math.exp(values[row + v] - top) / sum - (v == target ? 1 : 0)));
        }
    }

    private static double[] softmax(float[] values, int row, int[] labels) {
        double[] p = new double[labels.length];
        double top = Double.NEGATIVE_INFINITY;
        for (int label : labels) {
            top = Math.max(top, values[row + label]);
        }
        double sum = 0;
        for (int c = 0; c < p.length; c++) {
            p[c] = Math.exp(values[row + labels[c]] - top);
            sum += p[c];
        }
        for (int c = 0; c < p.length; c++) {
            p[c] /= sum;
        }
        return p;
    }

    private void update(double learningRate) {
        steps++;
        Map<String, float[]> gradients = new TreeMap<>();
        double square = 0;
        for (Map.Entry<String, Parameter> entry : parameters.entrySet()) {
            float[] gradient;
            try (NDArray array = entry.getValue().leaf.getGradient()) {
                gradient = array.toFloatArray();
            }
            for (float g : gradient) {
                square += (double) g * g;
            }
            gradients.put(entry.getKey(), gradient);
        }
        double clip = Math.min(1, LARGEST_NORM / Math.sqrt(square));
        double correction1 = 1 - Math.pow(BETA_1, steps);
        double correction2 = 1 - Math.pow(BETA_2, steps);
        parameters.forEach((path, p) -> {
            float[] gradient = gradients.get(path);
            for (int i = 0; i < gradient.length; i++) {
                double g = clip * gradient[i];
                p.first[i] = BETA_1 * p.first[i] + (1 - BETA_1) * g;
                p.second[i] = BETA_2 * p.second[i] + (1 - BETA_2) * g * g;
                double move = p.first[i] / correction1 / (Math.sqrt(p.second[i] / correction2) + EPSILON);
                p.weight[i] = (float) (p.weight[i] * (1 - learningRate * DECAY) - learningRate * move);
            }
        });
    }
}
