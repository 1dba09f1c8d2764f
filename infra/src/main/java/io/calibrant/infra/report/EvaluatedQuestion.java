package io.calibrant.infra.report;

import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A question with its true answer and the probabilities of every method.
 *
 * @param id its id
 * @param text stem, and context where there is one
 * @param labels the C labels, in order
 * @param choices the C texts, in the same order; empty strings where there are labels only
 * @param truth index of the true choice
 * @param probabilities of every method: C numbers each
 * @param novelty of the answer; NaN where its tier knows none
 */
public record EvaluatedQuestion(
        String id,
        String text,
        List<String> labels,
        List<String> choices,
        int truth,
        Map<Method, List<Double>> probabilities,
        double novelty) {
    /** Copies its lists. @throws IllegalArgumentException if a method does not have C probabilities */
    public EvaluatedQuestion {
        labels = List.copyOf(labels);
        choices = List.copyOf(choices);
        probabilities = new EnumMap<>(probabilities);
        for (Map.Entry<Method, List<Double>> method : probabilities.entrySet()) {
            if (method.getValue().size() != labels.size()) {
                throw new IllegalArgumentException("question " + id + " has " + labels.size() + " choices, "
                        + method.getKey().key() + " has " + method.getValue().size() + " probabilities");
            }
        }
    }

    /** For example {@code ; novelty 0.31} behind a separator; empty where it is not known. */
    String noveltyBehind(String separator) {
        return Double.isNaN(novelty) ? "" : separator + String.format(Locale.ROOT, "novelty %.2f", novelty);
    }

    /** Probabilities of one method, in the order of the labels. */
    public List<Double> of(Method method) {
        return probabilities.get(method);
    }

    /** The largest probability of a method. */
    double confidence(Method method) {
        return of(method).get(argmax(method));
    }

    /** Whether the method's choice is the true one. */
    public boolean right(Method method) {
        return argmax(method) == truth;
    }

    /** Index of the method's choice, the first of equals. */
    int argmax(Method method) {
        List<Double> p = of(method);
        int best = 0;
        for (int c = 1; c < p.size(); c++) {
            if (p.get(c) > p.get(best)) {
                best = c;
            }
        }
        return best;
    }
}
