package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.calibration.LearningCurve;
import io.calibrant.fitter.calibration.LearningCurve.Point;
import io.calibrant.infra.evaluation.Evaluated;
import java.util.Locale;
import java.util.Optional;
import java.util.function.DoubleConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What labels are worth: a row of figures and a sentence, or one JSON object. */
public final class LearningCurvePrinter {
    private static final int SPLITS = 50;
    private static final int MORE = 50;

    /** Less of NLL has no digit of its own. */
    private static final double LEAST = 0.0005;

    private LearningCurvePrinter() {}

    /**
     * Computes the curve of an evaluation and prints it; says so where too few labels are known.
     *
     * @param progress is told the share of the work that is done, from any thread
     */
    public static void print(Output output, Evaluated evaluated, boolean json, DoubleConsumer progress) {
        Optional<LearningCurve> found = evaluated.learningCurve(SPLITS, progress);
        int known = evaluated.labelled().size();
        if (found.isEmpty()) {
            output.note("no learning curve: it needs " + LearningCurve.FEWEST + " labelled answers, got " + known);
            return;
        }
        print(output, found.get(), known, (int) evaluated.posterior().getLabels(), json);
    }

    /**
     * Prints a curve.
     *
     * @param known labels that it is drawn of
     * @param labels of the posterior
     */
    static void print(Output output, LearningCurve curve, int known, int labels, boolean json) {
        double worth = curve.worth(labels, MORE);
        if (json) {
            ObjectNode object = Output.object();
            ArrayNode points = object.putArray("learningCurve");
            curve.points().forEach(point -> {
                ObjectNode one = points.addObject()
                        .put("labels", point.labels())
                        .put("temperature", point.temperature())
                        .put("forward", point.forward());
                point.all().ifPresent(nll -> one.put("all", nll));
            });
            object.put("splits", SPLITS);
            object.put("known", known);
            object.put("labels", labels);
            object.put("more", MORE);
            object.put("worth", worth);
            output.json(object);
            return;
        }
        output.line("");
        output.line("NLL against the number of labels, mean of " + SPLITS + " subsamples of the " + known
                + " that are known:");
        output.line("labels         " + row(curve, "%7d", Point::labels));
        output.line("temperature    " + row(curve, "%7.3f", Point::temperature));
        if (curve.points().get(0).all().isPresent()) {
            output.line(
                    "tier all       " + row(curve, "%7.3f", point -> point.all().orElseThrow()));
        }
        output.line("tier forward   " + row(curve, "%7.3f", Point::forward));
        output.line(sentence(labels, worth));
    }

    private static String row(LearningCurve curve, String format, Function<Point, Object> figure) {
        return curve.points().stream()
                .map(point -> String.format(Locale.ROOT, format, figure.apply(point)))
                .collect(Collectors.joining());
    }

    /** For example {@code 50 more labels would be worth about .003 of NLL; the posterior has 100 now.} */
    static String sentence(int labels, double worth) {
        String value = String.format(Locale.ROOT, "%.3f", worth);
        return MORE + " more labels would be worth "
                + (worth < LEAST ? "less than .001" : "about " + (value.startsWith("0.") ? value.substring(1) : value))
                + " of NLL; the posterior has " + labels + " now.";
    }
}
