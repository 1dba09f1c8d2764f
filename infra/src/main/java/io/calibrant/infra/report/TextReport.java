package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.Metrics;
import java.util.List;
import java.util.Locale;

/** An evaluation as plain text for a terminal. */
public final class TextReport {
    private static final int BAR = 20;

    private TextReport() {}

    /** The table of figures, one line a method, with how the temperature was found below. */
    public static String table(Evaluation evaluation) {
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "%-12s %5s %7s %7s %8s %7s   %s%n",
                "",
                "n",
                "ACC",
                "NLL",
                "ECE(" + Metrics.DEFAULT_BINS + ")",
                "Brier",
                "mean confidence"));
        for (Method method : Method.values()) {
            Metrics metrics = evaluation.metrics(method);
            text.append(String.format(
                    Locale.ROOT,
                    "%-12s %5d %7.3f %7.3f %8.3f %7.3f   %.3f%n",
                    method.title(),
                    metrics.n(),
                    metrics.accuracy(),
                    metrics.nll(),
                    metrics.ece(),
                    metrics.brier(),
                    evaluation.confidence(method)));
        }
        return text.append(evaluation.temperatureNote())
                .append(System.lineSeparator())
                .toString();
    }

    /** Questions with the MAP and the served probabilities side by side; a star marks the true choice. */
    public static String examples(Evaluation evaluation) {
        StringBuilder text = new StringBuilder();
        for (Example example : evaluation.examples()) {
            EvaluatedQuestion question = example.question();
            text.append(String.format(
                    Locale.ROOT,
                    "%s (%s; novelty %.2f)%n  %s%n",
                    question.id(),
                    example.why(),
                    question.novelty(),
                    shortened(question.text(), 100)));
            text.append(String.format(Locale.ROOT, "  %-26s %-" + (BAR + 6) + "s %s%n", "", "MAP", "calibrated"));
            for (int c = 0; c < question.labels().size(); c++) {
                text.append(String.format(
                        Locale.ROOT,
                        "  %s %-24s %s %s%n",
                        c == question.truth() ? "*" : " ",
                        choice(question, c),
                        bar(question.of(Method.MAP), c),
                        bar(question.of(Method.CALIBRATED), c).stripTrailing()));
            }
        }
        return text.toString();
    }

    private static String choice(EvaluatedQuestion question, int c) {
        String text = question.choices().get(c);
        return shortened(question.labels().get(c) + (text.isEmpty() ? "" : ". " + text), 24);
    }

    private static String bar(List<Double> probabilities, int c) {
        double p = probabilities.get(c);
        int full = (int) Math.round(p * BAR);
        return String.format(Locale.ROOT, "%.3f %-" + BAR + "s", p, "#".repeat(full));
    }

    private static String shortened(String text, int most) {
        String line = text.replaceAll("\\s+", " ");
        return line.length() <= most ? line : line.substring(0, most - 3) + "...";
    }
}
