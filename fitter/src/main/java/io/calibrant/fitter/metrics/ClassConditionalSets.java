package io.calibrant.fitter.metrics;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Conformal sets with a promise for every class on its own (Mondrian; Vovk, Gammerman and Shafer 2005, section 4.5): of
 * the new questions whose true class is c, a share of 1 - alpha at least has it in the set, for each c. Every class has
 * the threshold of {@link ConformalSets} over the validation answers of that class. A class with too few of them is in
 * all sets.
 *
 * @param byClass [C], which hold the thresholds
 */
public record ClassConditionalSets(List<ConformalSets> byClass) implements PredictionSets {
    public ClassConditionalSets {
        byClass = List.copyOf(byClass);
    }

    /**
     * The sets that the validation answers call for.
     *
     * @param validation possibly none; a class means the same in all of them
     * @param classes C, of every question
     * @throws IllegalArgumentException if alpha is not between 0 and 1, or a question has another number of classes
     */
    public static ClassConditionalSets calibrated(List<LabelledProbabilities> validation, int classes, double alpha) {
        validation.forEach(one -> require(one.probabilities(), classes));
        return new ClassConditionalSets(IntStream.range(0, classes)
                .mapToObj(c -> ConformalSets.calibrated(
                        validation.stream().filter(one -> one.label() == c).toList(), alpha))
                .toList());
    }

    private static void require(double[] probabilities, int classes) {
        if (probabilities.length != classes) {
            throw new IllegalArgumentException("class-conditional sets need " + classes
                    + " classes in every question, got " + probabilities.length);
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if there are not C
     */
    @Override
    public List<Integer> of(double[] probabilities) {
        require(probabilities, byClass.size());
        List<Integer> set = new ArrayList<>();
        for (int c = 0; c < probabilities.length; c++) {
            if (byClass.get(c).holds(probabilities[c])) {
                set.add(c);
            }
        }
        return set;
    }
}
