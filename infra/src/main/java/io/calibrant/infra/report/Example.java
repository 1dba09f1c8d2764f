package io.calibrant.infra.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * A question that the report shows as an example.
 *
 * @param why what it is an example of
 */
public record Example(String why, EvaluatedQuestion question) {
    /**
     * The mistake that MAP was surest of, the right answer that calibration leaves surest, and the question whose
     * probabilities moved most; all different, in that order, chosen by the figures alone.
     */
    static List<Example> choose(List<EvaluatedQuestion> questions) {
        List<EvaluatedQuestion> left = new ArrayList<>(questions);
        List<Example> examples = new ArrayList<>();
        take(
                left,
                examples,
                "MAP's surest mistake",
                Comparator.comparingDouble(
                        question -> question.right(Method.MAP) ? -1 : question.confidence(Method.MAP)));
        take(
                left,
                examples,
                "the surest right answer once calibrated",
                Comparator.comparingDouble(
                        question -> question.right(Method.CALIBRATED) ? question.confidence(Method.CALIBRATED) : -1));
        take(
                left,
                examples,
                "where calibration moved the probabilities most",
                Comparator.comparingDouble(Example::distance));
        return List.copyOf(examples);
    }

    private static void take(
            List<EvaluatedQuestion> left, List<Example> examples, String why, Comparator<EvaluatedQuestion> by) {
        left.stream().max(by).ifPresent(question -> {
            examples.add(new Example(why, question));
            left.remove(question);
        });
    }

    /** Half the sum of the absolute differences between MAP and calibrated. */
    private static double distance(EvaluatedQuestion question) {
        double sum = 0;
        for (int c = 0; c < question.labels().size(); c++) {
            sum += Math.abs(question.of(Method.MAP).get(c)
                    - question.of(Method.CALIBRATED).get(c));
        }
        return sum / 2;
    }
}
