package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.PairedBootstrap;
import io.calibrant.fitter.metrics.Reliability;
import io.calibrant.fitter.selective.AccuracyCoverage;
import io.calibrant.schemas.text.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * An evaluation as one HTML file that needs nothing else: no network, no script; it follows the reader's light or dark
 * scheme and reads on a phone.
 *
 * @param title what was evaluated
 * @param facts what was run, in order: name and value
 * @param evaluation the figures
 */
public record HtmlReport(String title, Map<String, String> facts, Evaluation evaluation) {
    private static final List<Method> DRAWN = List.of(Method.MAP, Method.TEMPERATURE, Method.LAPLACE);

    /** Methods with an accuracy-coverage curve; the last one has the band. */
    private static final List<Method> CURVES = List.of(Method.MAP, Method.CALIBRATED);

    /** Copies the facts. */
    public HtmlReport {
        facts = Collections.unmodifiableMap(new LinkedHashMap<>(facts));
    }

    /**
     * Writes the page, with the directories above it.
     *
     * @throws IllegalArgumentException naming the file if it cannot be written
     */
    public void write(Path file) {
        try {
            if (file.toAbsolutePath().getParent() != null) {
                Files.createDirectories(file.toAbsolutePath().getParent());
            }
            Files.writeString(file, html());
        } catch (IOException e) {
            throw new IllegalArgumentException("report file " + file + " cannot be written: " + e, e);
        }
    }

    /** The page. */
    String html() {
        StringBuilder page = new StringBuilder(1 << 16);
        page.append("<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>")
                .append("<meta name='viewport' content='width=device-width, initial-scale=1'>")
                .append("<meta name='color-scheme' content='light dark'><title>")
                .append(escape(title))
                .append("</title><style>\n")
                .append(style())
                .append("</style></head><body><main>");
        head(page);
        figures(page);
        differences(page);
        diagrams(page);
        histogram(page);
        selection(page);
        diagnostics(page);
        examples(page);
        facts(page);
        return page.append("</main></body></html>\n").toString();
    }

    private void head(StringBuilder page) {
        Metrics map = evaluation.metrics(Method.MAP);
        Metrics served = evaluation.metrics(Method.CALIBRATED);
        page.append("<header><p class='brand'>Calibrant</p><h1>")
                .append(escape(title))
                .append("</h1><div class='said'>");
        said(page, Method.MAP, "Fine-tuned model (MAP)", map);
        said(page, Method.CALIBRATED, "Calibrated, as served", served);
        page.append("</div></header>");
    }

    private void said(StringBuilder page, Method method, String name, Metrics metrics) {
        page.append("<div class='card ")
                .append(method.key())
                .append("'><p class='name'><span class='dot'></span>")
                .append(name)
                .append("</p><p class='big'>")
                .append(percent(evaluation.confidence(method)))
                .append(" sure, ")
                .append(percent(metrics.accuracy()))
                .append(" right</p><p class='small'>mean confidence and accuracy on ")
                .append(metrics.n())
                .append(" questions</p></div>");
    }

    private void figures(StringBuilder page) {
        page.append("<section><h2>Figures</h2><div class='scroll'><table"
                        + " class='figures'><thead><tr><th>Method</th><th>n</th>")
                .append("<th>ACC</th><th>NLL</th><th>ECE (")
                .append(Metrics.DEFAULT_BINS)
                .append("&nbsp;bins)</th><th>Brier</th></tr></thead><tbody>");
        for (Method method : Method.values()) {
            Metrics metrics = evaluation.metrics(method);
            page.append("<tr class='")
                    .append(method.key())
                    .append("'><th><span class='dot'></span>")
                    .append(method.title())
                    .append("<small>")
                    .append(method.explanation())
                    .append("</small></th><td>")
                    .append(metrics.n())
                    .append("</td>");
            cell(page, metrics.accuracy(), best(Metrics::accuracy, -1) == metrics.accuracy());
            cell(page, metrics.nll(), best(Metrics::nll, 1) == metrics.nll());
            cell(page, metrics.ece(), best(Metrics::ece, 1) == metrics.ece());
            cell(page, metrics.brier(), best(Metrics::brier, 1) == metrics.brier());
            page.append("</tr>");
        }
        page.append("</tbody></table></div><p class='small'>Bold: the best of a column. Lower is better but for ACC. ")
                .append(escape(evaluation.temperatureNote()))
                .append("</p></section>");
    }

    private double best(java.util.function.ToDoubleFunction<Metrics> figure, int sign) {
        double best = Double.POSITIVE_INFINITY;
        for (Method method : Method.values()) {
            best = Math.min(best, sign * figure.applyAsDouble(evaluation.metrics(method)));
        }
        return sign * best;
    }

    private static void cell(StringBuilder page, double value, boolean best) {
        page.append(best ? "<td class='best'>" : "<td>")
                .append(String.format(Locale.ROOT, "%.3f", value))
                .append("</td>");
    }

    private void differences(StringBuilder page) {
        page.append("<section><h2>Against MAP</h2><div class='scroll'><table><thead><tr><th>Minus MAP</th><th>ACC</th>")
                .append("<th>NLL</th><th>ECE</th><th>Brier</th></tr></thead><tbody>");
        for (Method method : Method.values()) {
            if (method != Method.MAP) {
                PairedBootstrap difference = evaluation.againstMap(method);
                page.append("<tr class='")
                        .append(method.key())
                        .append("'><th><span class='dot'></span>")
                        .append(method.title())
                        .append("</th>");
                difference(page, difference.accuracy(), true);
                difference(page, difference.nll(), false);
                difference(page, difference.ece(), false);
                difference(page, difference.brier(), false);
                page.append("</tr>");
            }
        }
        page.append("</tbody></table></div>");
        evaluation
                .warning()
                .ifPresent(said ->
                        page.append("<p class='worse'>").append(escape(said)).append("</p>"));
        page.append("<p class='small'>");
        if (evaluation.againstMap(Method.CALIBRATED).nll().isKnown()) {
            page.append("95% intervals over ")
                    .append(PairedBootstrap.RESAMPLES)
                    .append(" resamples of the questions, the same for both methods. Where zero lies outside:"
                            + " <b class='better'>better</b> or <b class='worse'>worse</b> than MAP.</p></section>");
        } else {
            page.append("Intervals need ")
                    .append(PairedBootstrap.FEWEST_QUESTIONS)
                    .append(" questions or more.</p></section>");
        }
    }

    private static void difference(StringBuilder page, PairedBootstrap.Interval each, boolean higherIsBetter) {
        boolean better = higherIsBetter ? each.isAboveZero() : each.isBelowZero();
        boolean worse = higherIsBetter ? each.isBelowZero() : each.isAboveZero();
        page.append(better ? "<td class='better'>" : worse ? "<td class='worse'>" : "<td>")
                .append(String.format(Locale.ROOT, "%+.3f", each.estimate()));
        if (each.isKnown()) {
            page.append(String.format(Locale.ROOT, " <small>%+.3f to %+.3f</small>", each.lower(), each.upper()));
        }
        page.append("</td>");
    }

    private void selection(StringBuilder page) {
        Optional<AccuracyCoverage> served = evaluation.curve(Method.CALIBRATED);
        if (served.isEmpty()) {
            return;
        }
        page.append("<section><h2>Selective prediction</h2><p>Answer the questions of which one is surest,"
                        + " ask about the"
                        + " others: how many of the answered ones are right. The band is the exact 95%"
                        + " interval at each"
                        + " point. ")
                .append(served.get().answers())
                .append(" questions whose labels tuned nothing.</p><div class='split'><figure><figcaption"
                        + " class='legend'>");
        for (Method method : CURVES) {
            page.append("<span class='")
                    .append(method.key())
                    .append("'><span class='dot'></span>")
                    .append(method.title())
                    .append("</span>");
        }
        page.append("</figcaption>")
                .append(Svg.curves(
                        CURVES,
                        CURVES.stream()
                                .map(method -> evaluation.curve(method).orElseThrow())
                                .toList(),
                        Method.CALIBRATED,
                        evaluation.acceptances()))
                .append("</figure><div><table><thead><tr><th>Area under the risk-coverage curve</th><th>AURC</th></tr>"
                        + "</thead><tbody>");
        for (Method method : Method.values()) {
            area(page, method.title(), evaluation.curve(method).orElseThrow().aurc());
        }
        area(page, "best order", served.get().bestAurc());
        area(page, "random order", served.get().randomAurc());
        page.append("</tbody></table><p class='small'>Lower is better. Best and random: for the answers as served.</p>"
                + "<ul>");
        evaluation
                .acceptances()
                .forEach(found -> page.append("<li>")
                        .append(escape(AcceptanceWords.sentence(found)))
                        .append("</li>"));
        evaluation
                .posteriorSentences()
                .forEach(said ->
                        page.append("<li class='small'>").append(escape(said)).append("</li>"));
        page.append("</ul></div></div></section>");
    }

    private static void area(StringBuilder page, String name, double value) {
        page.append("<tr><th>").append(name).append(String.format(Locale.ROOT, "</th><td>%.4f</td></tr>", value));
    }

    private void diagnostics(StringBuilder page) {
        Diagnostics known = evaluation.diagnostics();
        if (!known.conformal().isEmpty()) {
            page.append("<section><h2>Conformal sets</h2><p>The smallest sets of choices that hold the true one in at ")
                    .append("least ")
                    .append(percent(1 - known.alpha()))
                    .append(" of the questions, calibrated on ")
                    .append(known.validation())
                    .append(" validation answers. ")
                    .append(escape(known.promise()))
                    .append("</p><div class='scroll'><table><thead><tr><th>Method</th>")
                    .append("<th>True one in the set</th><th>Choices a set</th></tr></thead><tbody>");
            known.conformal()
                    .forEach((method, sets) -> page.append(String.format(
                            Locale.ROOT,
                            "<tr class='%s'><th><span class='dot'></span>%s</th><td>%.3f</td><td>%.2f</td></tr>",
                            method.key(),
                            method.title(),
                            sets.coverage(),
                            sets.size())));
            page.append("</tbody></table></div></section>");
        }
        if (known.wrong().isEmpty() && known.unfamiliar().isEmpty()) {
            return;
        }
        page.append("<section><h2>What the scores tell</h2><p>Area under the ROC curve; .5 is chance, 1 is"
                        + " perfect.</p>")
                .append("<div class='scroll'><table><thead><tr><th>Score</th><th>Wrong from right</th>")
                .append(known.unfamiliar().isEmpty() ? "" : "<th>Unfamiliar from familiar</th>")
                .append("</tr></thead><tbody>");
        for (Score score : Score.values()) {
            page.append("<tr><th>").append(score.title()).append("</th>");
            area(page, known.wrong().get(score));
            if (!known.unfamiliar().isEmpty()) {
                area(page, known.unfamiliar().get(score));
            }
            page.append("</tr>");
        }
        page.append("</tbody></table></div></section>");
    }

    private static void area(StringBuilder page, Double area) {
        page.append("<td>")
                .append(area == null ? "" : String.format(Locale.ROOT, "%.3f", area))
                .append("</td>");
    }

    private void diagrams(StringBuilder page) {
        page.append("<section><h2>Reliability</h2><p>Questions by the confidence of their answer: how many"
                        + " of a bin are ")
                .append("right. On the diagonal a model is as often right as it is sure; the pale part is the gap. ")
                .append("Below: how many questions lie in each bin.</p><div class='diagrams'>");
        for (Method method : DRAWN) {
            page.append("<figure><figcaption class='")
                    .append(method.key())
                    .append("'><span class='dot'></span>")
                    .append(method.title())
                    .append(String.format(
                            Locale.ROOT,
                            "<span class='figure'>ECE %.3f</span></figcaption>",
                            evaluation.metrics(method).ece()))
                    .append(Svg.reliability(method.key(), method.title(), evaluation.reliability(method)))
                    .append("</figure>");
        }
        page.append("</div></section>");
    }

    private void histogram(StringBuilder page) {
        List<Reliability> tables = DRAWN.stream().map(evaluation::reliability).toList();
        page.append("<section><h2>Confidence</h2><p class='legend'>");
        for (Method method : DRAWN) {
            page.append("<span class='")
                    .append(method.key())
                    .append("'><span class='dot'></span>")
                    .append(method.title())
                    .append("</span>");
        }
        page.append("</p><figure>").append(Svg.confidences(DRAWN, tables)).append("</figure></section>");
    }

    private void examples(StringBuilder page) {
        page.append("<section><h2>Three questions</h2><p>MAP above, calibrated below; the true answer is marked.</p>")
                .append("<div class='examples'>");
        for (Example example : evaluation.examples()) {
            EvaluatedQuestion question = example.question();
            page.append("<article><p class='why'>")
                    .append(escape(example.why()))
                    .append("</p><p class='stem'>")
                    .append(escape(question.text()))
                    .append("</p>");
            for (int c = 0; c < question.labels().size(); c++) {
                choice(page, question, c);
            }
            page.append("<p class='small'>")
                    .append(escape(question.id()))
                    .append(String.format(Locale.ROOT, ", novelty %.2f</p></article>", question.novelty()));
        }
        page.append("</div></section>");
    }

    private static void choice(StringBuilder page, EvaluatedQuestion question, int c) {
        page.append(c == question.truth() ? "<div class='choice true'><p>" : "<div class='choice'><p>")
                .append("<b>")
                .append(escape(question.labels().get(c)))
                .append("</b> ")
                .append(escape(question.choices().get(c)))
                .append("</p>");
        for (Method method : List.of(Method.MAP, Method.CALIBRATED)) {
            double p = question.of(method).get(c);
            page.append(String.format(
                    Locale.ROOT,
                    "<div class='meter %s'><i style='width:%.1f%%'></i><span>%.3f</span></div>",
                    method.key(),
                    Math.max(0.5, 100 * p),
                    p));
        }
        page.append("</div>");
    }

    private void facts(StringBuilder page) {
        List<String> rows = new ArrayList<>();
        facts.forEach((name, value) -> rows.add("<dt>" + escape(name) + "</dt><dd>" + escape(value) + "</dd>"));
        page.append("<section><h2>What was run</h2><dl>")
                .append(String.join("", rows))
                .append("</dl></section>");
    }

    private static String style() {
        try (InputStream css = HtmlReport.class.getResourceAsStream("report.css")) {
            return new String(css.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String percent(double share) {
        return Math.round(100 * share) + "%";
    }

    /** Characters of a text on the page. */
    private static final int TEXT = 10_000;

    private static String escape(String text) {
        return Printable.lines(text, TEXT)
                .replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&#39;")
                .replace("\"", "&quot;");
    }
}
