package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.PairedBootstrap;
import io.calibrant.fitter.selective.AccuracyCoverage;
import io.calibrant.schemas.text.Printable;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** An evaluation as plain text for a terminal. */
public final class TextReport {
    private static final int BAR = 20;

    /** Of the table of the accuracy-coverage curve. */
    private static final int ROWS = 10;

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
        text.append(evaluation.temperatureNote()).append(System.lineSeparator());
        Map<Method, PairedBootstrap> differences = evaluation.againstMap();
        differences(text, differences);
        evaluation
                .warning(differences.get(Method.CALIBRATED))
                .ifPresent(said -> text.append(String.format("%n%s%n", said)));
        selection(text, evaluation);
        diagnostics(text, evaluation.diagnostics());
        return text.toString();
    }

    private static void differences(StringBuilder text, Map<Method, PairedBootstrap> differences) {
        boolean known = differences.get(Method.CALIBRATED).nll().isKnown();
        text.append(String.format(
                Locale.ROOT,
                known
                        ? "%nMinus MAP, 95%% intervals over resampled questions:%n"
                        : "%nMinus MAP (intervals need " + PairedBootstrap.FEWEST_QUESTIONS
                                + " questions or more):%n"));
        differences.forEach((method, difference) -> text.append(String.format(
                Locale.ROOT,
                "%-12s NLL %s   ECE %s%n",
                method.title(),
                interval(difference.nll()),
                interval(difference.ece()))));
    }

    /** A difference with its 95% interval, where that is known. */
    static String interval(PairedBootstrap.Interval interval) {
        return interval.isKnown()
                ? String.format(
                        Locale.ROOT, "%+.3f [%+.3f, %+.3f]", interval.estimate(), interval.lower(), interval.upper())
                : String.format(Locale.ROOT, "%+.3f", interval.estimate());
    }

    private static void selection(StringBuilder text, Evaluation evaluation) {
        Optional<AccuracyCoverage> served = evaluation.curve(Method.CALIBRATED);
        if (served.isEmpty()) {
            return;
        }
        AccuracyCoverage curve = served.get();
        text.append(String.format(
                Locale.ROOT,
                "%nSelective prediction, served answers to %d questions whose labels tuned nothing:%n"
                        + "%-10s %-8s %-7s %s%n",
                curve.answers(),
                "coverage",
                "above",
                "right",
                "95% band"));
        for (AccuracyCoverage.Point point : curve.points(ROWS)) {
            text.append(String.format(
                    Locale.ROOT,
                    "%-10s %-8.4f %-7.3f [%.3f, %.3f]%n",
                    Math.round(100 * point.coverage()) + "%",
                    point.confidence(),
                    point.accuracy(),
                    point.lower(),
                    point.upper()));
        }
        text.append(String.format(
                Locale.ROOT,
                "Area under the risk-coverage curve %.4f (best order %.4f, random %.4f); MAP %.4f%n",
                curve.aurc(),
                curve.bestAurc(),
                curve.randomAurc(),
                evaluation.curve(Method.MAP).orElseThrow().aurc()));
        evaluation
                .acceptances()
                .forEach(found -> text.append(AcceptanceWords.sentence(found)).append(System.lineSeparator()));
        evaluation.posteriorSentences().forEach(said -> text.append(said).append(System.lineSeparator()));
    }

    private static void diagnostics(StringBuilder text, Diagnostics diagnostics) {
        if (!diagnostics.conformal().isEmpty()) {
            text.append(String.format(
                    Locale.ROOT,
                    "%nConformal sets, at least %.0f%% promised, calibrated on %s:%n",
                    100 * (1 - diagnostics.alpha()),
                    diagnostics.calibratedOn()));
            diagnostics
                    .conformal()
                    .forEach((method, sets) -> text.append(String.format(
                            Locale.ROOT,
                            "%-12s true class in the set %.3f, classes a set %.2f%n",
                            method.title(),
                            sets.coverage(),
                            sets.size())));
            text.append(diagnostics.promise()).append(System.lineSeparator());
        }
        auroc(text, "wrong from right answers", diagnostics.wrong());
        auroc(
                text,
                "the " + diagnostics.unfamiliarQuestions() + " unfamiliar questions from these",
                diagnostics.unfamiliar());
    }

    private static void auroc(StringBuilder text, String what, Map<Score, Double> areas) {
        if (!areas.isEmpty()) {
            text.append(String.format(Locale.ROOT, "%nArea under the ROC curve for telling %s: ", what))
                    .append(areas.entrySet().stream()
                            .map(each -> String.format(
                                    Locale.ROOT, "%s %.3f", each.getKey().title(), each.getValue()))
                            .collect(Collectors.joining(", ")))
                    .append(System.lineSeparator());
        }
    }

    /** Questions with the MAP and the served probabilities side by side; a star marks the true choice. */
    public static String examples(Evaluation evaluation) {
        StringBuilder text = new StringBuilder();
        for (Example example : evaluation.examples()) {
            EvaluatedQuestion question = example.question();
            text.append(String.format(
                    Locale.ROOT,
                    "%s (%s%s)%n  %s%n",
                    Printable.name(question.id()),
                    example.why(),
                    question.noveltyBehind("; "),
                    shortened(Printable.text(question.text(), 200), 100)));
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
        String text = Printable.name(question.choices().get(c));
        return shortened(Printable.name(question.labels().get(c)) + (text.isEmpty() ? "" : ". " + text), 24);
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
