package io.calibrant.fitter.familiarity;

import java.util.List;

/**
 * How far a question lies from the training questions: the mean of the scores of the layers that tell questions apart.
 * About 0 for one like them, 2 for a foreign one. Thread-safe.
 */
public final class Familiarity {
    /** With fewer training questions a fold has no second moment to speak of. */
    public static final int FEWEST_QUESTIONS = 20;

    private final int[] layers;
    private final List<InputMoment> moments;

    /**
     * Of the layers that count.
     *
     * @param layers their numbers, ascending, at least one
     * @param moments one for each
     * @throws IllegalArgumentException if these are not as many
     */
    public Familiarity(List<Integer> layers, List<InputMoment> moments) {
        if (layers.isEmpty() || layers.size() != moments.size()) {
            throw new IllegalArgumentException(moments.size() + " moments of " + layers.size() + " layers");
        }
        this.layers = layers.stream().mapToInt(Integer::intValue).toArray();
        this.moments = List.copyOf(moments);
    }

    /**
     * The score s of a question.
     *
     * @param inputs of every layer of the model what its attention maps read at the last real token, of several
     *     questions: [B, D] row-major, by layer; not modified
     * @param question its row
     */
    public double score(List<double[]> inputs, int question) {
        double sum = 0;
        for (int i = 0; i < layers.length; i++) {
            InputMoment moment = moments.get(i);
            sum += moment.score(inputs.get(layers[i]), question * moment.dimension());
        }
        return sum / layers.length;
    }
}
