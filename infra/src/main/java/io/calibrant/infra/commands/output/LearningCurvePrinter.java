package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.fitter.calibration.LearningCurve;
import io.calibrant.infra.evaluation.Evaluated;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** What labels are worth: a row of figures and a sentence, or one JSON object. */
public final class LearningCurvePrinter {
    private static final int SPLITS = 20;
    private static final int MORE = 50;

    private LearningCurvePrinter() {}

    /** Computes the curve of an evaluation and prints it; says so where too few labels are known. */
    public static void print(Output output, Evaluated evaluated, boolean json) {
        Optional<LearningCurve> found = evaluated.learningCurve(SPLITS);
        int known = evaluated.labelled().size();
        if (found.isEmpty()) {
            output.note("no learning curve: it needs " + LearningCurve.FEWEST + " labelled answers, got " + known);
            return;
        }
        LearningCurve curve = found.get();
        int labels = (int) evaluated.posterior().getLabels();
        double worth = curve.worth(labels, MORE);
        if (json) {
            ObjectNode object = Output.object();
            ArrayNode points = object.putArray("learningCurve");
            curve.points()
                    .forEach(point ->
                            points.addObject().put("labels", point.labels()).put("nll", point.nll()));
            object.put("splits", SPLITS);
            object.put("known", known);
            object.put("labels", labels);
            object.put("more", MORE);
            object.put("worth", worth);
            output.json(object);
            return;
        }
        output.line("");
        output.line("NLL of the average against the number of labels, mean of " + SPLITS + " subsamples of the " + known
                + " that are known:");
        output.line("labels " + row(curve, "%7d", true));
        output.line("NLL    " + row(curve, "%7.3f", false));
        output.line(sentence(labels, worth));
    }

    private static String row(LearningCurve curve, String format, boolean labels) {
        return curve.points().stream()
                .map(point -> String.format(Locale.ROOT, format, labels ? (Object) point.labels() : point.nll()))
                .collect(Collectors.joining());
    }

    /** For example {@code 50 more labels would be worth about .003 of NLL; it has 100 now.} */
    static String sentence(int labels, double worth) {
        String value = String.format(Locale.ROOT, "%.3f", worth);
        return MORE + " more labels would be worth about " + (value.startsWith("0.") ? value.substring(1) : value)
                + " of NLL; the posterior has " + labels + " now.";
    }
}
