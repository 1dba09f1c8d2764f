package io.calibrant.fitter.metrics;

import java.util.List;

/** For each question the set of classes that holds the true one with a promised frequency. */
public interface PredictionSets {
    /**
     * Classes in the set of a question, ascending; possibly none.
     *
     * @param probabilities of the C classes; not modified
     */
    List<Integer> of(double[] probabilities);

    /** Share of questions whose true class is in their set. */
    default double coverage(List<LabelledProbabilities> questions) {
        return questions.stream()
                .mapToDouble(one -> of(one.probabilities()).contains(one.label()) ? 1 : 0)
                .average()
                .orElse(0);
    }

    /** Mean number of classes in a set. */
    default double meanSize(List<LabelledProbabilities> questions) {
        return questions.stream()
                .mapToDouble(one -> of(one.probabilities()).size())
                .average()
                .orElse(0);
    }
}
