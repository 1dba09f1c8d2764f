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
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * An evaluation as one HTML file that needs nothing else: no network, no script; it follows the reader's light or dark
 * scheme and reads on a phone. A colour stands for one method and for nothing else, beside a shape of its own; what is
 * better or worse than MAP is said by a sign and a word.
 *
 * @param title what was evaluated
 * @param provenance when and of what it was made
 * @param facts what was run, in order: name and value
 * @param evaluation the figures
 */
public record HtmlReport(String title, Provenance provenance, Map<String, String> facts, Evaluation evaluation) {
    private static final List<Method> DRAWN = List.of(Method.MAP, Method.TEMPERATURE, Method.CALIBRATED);

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
        Map<Method, Metrics> metrics = new EnumMap<>(Method.class);
        for (Method method : Method.values()) {
            metrics.put(method, evaluation.metrics(method));
        }
        Map<Method, PairedBootstrap> differences = evaluation.againstMap();
        Map<Method, Reliability> tables = new EnumMap<>(Method.class);
        Map<Method, String> found = new EnumMap<>(Method.class);
        for (Method method : DRAWN) {
            tables.put(method, evaluation.reliability(method));
            found.put(
                    method,
                    Seen.confidence(tables.get(method), evaluation.questions().size()));
        }
        StringBuilder page = new StringBuilder(1 << 16);
        page.append("<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>")
                .append("<meta name='viewport' content='width=device-width, initial-scale=1'>")
                .append("<meta name='color-scheme' content='light dark'><title>")
                .append(escape(title))
                .append("</title><style>\n")
                .append(style())
                .append("</style></head><body><main>");
        head(page, metrics, found, differences.get(Method.CALIBRATED));
        diagrams(page, metrics, found, tables);
        figures(page, metrics);
        differences(page, differences);
        histogram(page, tables);
        selection(page);
        diagnostics(page);
        examples(page);
        facts(page);
        return page.append("</main></body></html>\n").toString();
    }

    private void head(
            StringBuilder page, Map<Method, Metrics> metrics, Map<Method, String> found, PairedBootstrap served) {
        page.append("<header><p class='brand'>Calibrant</p><h1>")
                .append(escape(title))
                .append("</h1>");
        made(page);
        page.append("<div class='said'>");
        said(page, Method.MAP, "Fine-tuned model (MAP)", metrics, found, "");
        said(page, Method.CALIBRATED, "Calibrated, as served", metrics, found, verdict(served.nll()));
        page.append("</div></header>");
    }

    private void made(StringBuilder page) {
        page.append("<dl class='made'><dt>Made</dt><dd><time datetime='")
                .append(provenance.made())
                .append("'>")
                .append(provenance.date())
                .append("</time> by Calibrant ")
                .append(escape(provenance.version()))
                .append("</dd><dt>Command</dt><dd><code>")
                .append(escape(provenance.command()))
                .append("</code></dd>");
        for (SourceFile file : provenance.files()) {
            page.append("<dt>")
                    .append(escape(file.role()))
                    .append("</dt><dd>")
                    .append(escape(file.name()))
                    .append(", ")
                    .append(file.questions())
                    .append(file.questions() == 1 ? " question" : " questions")
                    .append(
                            file.sha256().isEmpty()
                                    ? ""
                                    : ", <small>SHA-256 <code>" + escape(file.sha256()) + "</code></small>")
                    .append("</dd>");
        }
        page.append("</dl>");
    }

    private void said(
            StringBuilder page,
            Method method,
            String name,
            Map<Method, Metrics> all,
            Map<Method, String> found,
            String verdict) {
        Metrics metrics = all.get(method);
        page.append("<div class='card ")
                .append(method.key())
                .append("'><p class='name'><span class='dot'></span>")
                .append(name)
                .append("</p><p class='big'>")
                .append(percent(evaluation.confidence(method)))
                .append(" sure, ")
                .append(percent(metrics.accuracy()))
                .append(" right</p><p>")
                .append(found.get(method))
                .append("</p><p class='small'>mean confidence and accuracy on ")
                .append(metrics.n())
                .append(metrics.n() == 1 ? " question</p>" : " questions</p>")
                .append(verdict)
                .append("</div>");
    }

    /** Whether what is served is better than MAP, a paragraph. */
    private static String verdict(PairedBootstrap.Interval nll) {
        if (!nll.isKnown()) {
            return "<p class='small'>too few questions to tell whether that is better than MAP</p>";
        }
        Direction direction = Direction.ofLowerIsBetter(nll);
        String figures = "NLL " + TextReport.interval(nll);
        return direction == Direction.UNKNOWN
                ? "<p class='small'>against MAP it may be chance: " + figures + "</p>"
                : "<p class='" + direction.word() + "'>" + direction.sign() + " " + direction.word() + " than MAP: "
                        + figures + "</p>";
    }

    private static void open(StringBuilder page, String topic, String seen) {
        page.append("<section><p class='topic'>")
                .append(topic)
                .append("</p><h2>")
                .append(escape(seen))
                .append("</h2>");
    }

    private void figures(StringBuilder page, Map<Method, Metrics> all) {
        open(page, "Figures", Seen.figures(all));
        page.append("<div class='scroll'><table class='figures'><thead><tr><th>Method</th><th>n</th>")
                .append("<th>ACC</th><th>NLL</th><th>ECE (")
                .append(Metrics.DEFAULT_BINS)
                .append("&nbsp;bins)</th><th>Brier</th></tr></thead><tbody>");
        for (Method method : Method.values()) {
            Metrics metrics = all.get(method);
            page.append("<tr class='")
                    .append(method.key())
                    .append("'><th><span class='dot'></span>")
                    .append(method.title())
                    .append("<small>")
                    .append(method.explanation())
                    .append("</small></th><td>")
                    .append(metrics.n())
                    .append("</td>");
            cell(
                    page,
                    metrics.accuracy(),
                    best(all, Metrics::accuracy, -1),
                    " <small>" + interval(metrics.accuracy(), metrics.n()) + "</small>");
            cell(page, metrics.nll(), best(all, Metrics::nll, 1), "");
            cell(page, metrics.ece(), best(all, Metrics::ece, 1), "");
            cell(page, metrics.brier(), best(all, Metrics::brier, 1), "");
            page.append("</tr>");
        }
        page.append("</tbody></table></div><p class='small'>Bold, with a star: the best of a column."
                        + " Lower is better but"
                        + " for ACC, which has its exact 95% interval. ")
                .append(escape(evaluation.temperatureNote()))
                .append("</p></section>");
    }

    private static double best(Map<Method, Metrics> all, ToDoubleFunction<Metrics> figure, int sign) {
        return sign
                * all.values().stream()
                        .mapToDouble(each -> sign * figure.applyAsDouble(each))
                        .min()
                        .orElseThrow();
    }

    private static void cell(StringBuilder page, double value, double best, String more) {
        page.append(value == best ? "<td class='best'>" : "<td>")
                .append(String.format(Locale.ROOT, "%.3f", value))
                .append(more)
                .append("</td>");
    }

    /** The exact 95% interval of a share. */
    static String interval(double share, int n) {
        double[] interval = Svg.interval(share, n);
        return String.format(Locale.ROOT, "%.3f to %.3f", interval[0], interval[1]);
    }

    private void differences(StringBuilder page, Map<Method, PairedBootstrap> differences) {
        open(page, "Against MAP", Seen.difference(differences.get(Method.CALIBRATED)));
        page.append("<div class='scroll'><table><thead><tr><th>Minus MAP</th><th>ACC</th>")
                .append("<th>NLL</th><th>ECE</th><th>Brier</th></tr></thead><tbody>");
        differences.forEach((method, difference) -> {
            page.append("<tr class='")
                    .append(method.key())
                    .append("'><th><span class='dot'></span>")
                    .append(method.title())
                    .append("</th>");
            difference(page, difference.accuracy(), Direction.ofHigherIsBetter(difference.accuracy()));
            difference(page, difference.nll(), Direction.ofLowerIsBetter(difference.nll()));
            difference(page, difference.ece(), Direction.ofLowerIsBetter(difference.ece()));
            difference(page, difference.brier(), Direction.ofLowerIsBetter(difference.brier()));
            page.append("</tr>");
        });
        page.append("</tbody></table></div>");
        evaluation
                .warning(differences.get(Method.CALIBRATED))
                .ifPresent(said ->
                        page.append("<p class='worse'>").append(escape(said)).append("</p>"));
        page.append("<p class='small'>");
        if (differences.get(Method.CALIBRATED).nll().isKnown()) {
            page.append("95% intervals over ")
                    .append(PairedBootstrap.RESAMPLES)
                    .append(" resamples of the questions, the same for both methods. Where zero lies outside:"
                            + " <b class='better'>✓ better</b> or <b class='worse'>✗ worse</b> than"
                            + " MAP.</p></section>");
        } else {
            page.append("Intervals need ")
                    .append(PairedBootstrap.FEWEST_QUESTIONS)
                    .append(" questions or more.</p></section>");
        }
    }

    private static void difference(StringBuilder page, PairedBootstrap.Interval each, Direction direction) {
        page.append(
                direction == Direction.UNKNOWN
                        ? "<td>"
                        : "<td class='" + direction.word() + "'><span role='img' aria-label='" + direction.word() + "'>"
                                + direction.sign() + "</span> ");
        page.append(String.format(Locale.ROOT, "%+.3f", each.estimate()));
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
        open(page, "Selective prediction", Seen.selection(served.get()));
        page.append("<p>Answer the questions of which one is surest, ask about the others: how many of"
                        + " the answered ones"
                        + " are right. The band is the exact 95% interval at each point. ")
                .append(served.get().answers())
                .append(" questions whose labels tuned nothing.</p><div class='split'><figure><figcaption"
                        + " class='legend'>");
        legend(page, CURVES);
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

    private static void legend(StringBuilder page, List<Method> methods) {
        for (Method method : methods) {
            page.append("<span class='")
                    .append(method.key())
                    .append("'><span class='dot'></span>")
                    .append(method.title())
                    .append("</span>");
        }
    }

    private static void area(StringBuilder page, String name, double value) {
        page.append("<tr><th>").append(name).append(String.format(Locale.ROOT, "</th><td>%.4f</td></tr>", value));
    }

    private void diagnostics(StringBuilder page) {
        Diagnostics known = evaluation.diagnostics();
        if (!known.conformal().isEmpty()) {
            open(page, "Conformal sets", Seen.sets(known));
            page.append("<p>The smallest sets of choices that hold the true one in at least ")
                    .append(percent(1 - known.alpha()))
                    .append(" of the questions, calibrated on ")
                    .append(escape(known.calibratedOn()))
                    .append(". ")
                    .append(escape(known.promise()))
                    .append("</p><div class='scroll'><table><thead><tr><th>Method</th>")
                    .append("<th>True one in the set</th><th>Choices a set</th></tr></thead><tbody>");
            int asked = evaluation.questions().size();
            known.conformal()
                    .forEach((method, sets) -> page.append(String.format(
                            Locale.ROOT,
                            "<tr class='%s'><th><span class='dot'></span>%s</th><td>%.3f <small>%s</small></td>"
                                    + "<td>%.2f</td></tr>",
                            method.key(),
                            method.title(),
                            sets.coverage(),
                            interval(sets.coverage(), asked),
                            sets.size())));
            page.append("</tbody></table></div><p class='small'>Small: the exact 95% interval by these ")
                    .append(asked)
                    .append(" questions.</p></section>");
        }
        if (known.wrong().isEmpty() && known.unfamiliar().isEmpty()) {
            return;
        }
        open(page, "What the scores tell", Seen.scores(known));
        page.append("<p>Area under the ROC curve; .5 is chance, 1 is perfect.</p>")
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

    private static void diagrams(
            StringBuilder page,
            Map<Method, Metrics> metrics,
            Map<Method, String> found,
            Map<Method, Reliability> tables) {
        open(page, "Reliability", Seen.reliability(found, List.of(Method.MAP, Method.CALIBRATED)));
        page.append("<p>Questions by the confidence of their answer: how many of a bin are right. On"
                        + " the diagonal a model"
                        + " is as often right as it is sure. The line on a bar is the exact 95%"
                        + " interval of its bin.</p>"
                        + "<p class='legend'><span><i class='swatch'></i>right, as claimed</span><span>"
                        + "<i class='swatch over'></i>claimed, not right: over-confident</span><span>"
                        + "<i class='swatch under'></i>right, not claimed: under-confident</span><span>"
                        + "<i class='swatch few'></i>fewer than ")
                .append(Svg.FEW)
                .append(" questions</span></p><div class='diagrams'>");
        for (Method method : DRAWN) {
            page.append("<figure><figcaption class='")
                    .append(method.key())
                    .append("'><span class='dot'></span>")
                    .append(method.title())
                    .append(String.format(
                            Locale.ROOT,
                            "<span class='figure'>ECE %.3f</span><span class='seen'>%s</span></figcaption>",
                            metrics.get(method).ece(),
                            found.get(method)))
                    .append(Svg.reliability(method.key(), method.title(), tables.get(method)))
                    .append("</figure>");
        }
        page.append("</div><details><summary>The bins as a table</summary><div class='diagrams'>");
        for (Method method : DRAWN) {
            bins(page, method, tables.get(method));
        }
        page.append(
                "</div><p class='small'>Over or under: the mean confidence lies outside of the interval, which of 20"
                        + " bins of a calibrated method one may do by chance. The lines above count on that, all bins"
                        + " together.</p></details></section>");
    }

    private static void bins(StringBuilder page, Method method, Reliability table) {
        page.append("<div class='scroll'><table class='bins ")
                .append(method.key())
                .append("'><caption><span class='dot'></span>")
                .append(method.title())
                .append("</caption><thead><tr><th>confidence</th><th>n</th><th>sure</th><th>right</th><th>gap</th></tr>"
                        + "</thead><tbody>");
        for (Reliability.Bin bin : table.bins()) {
            if (bin.count() > 0) {
                double[] interval = Svg.interval(bin.accuracy(), bin.count());
                page.append(String.format(
                        Locale.ROOT,
                        "<tr%s><th>%.2f to %.2f</th><td>%d</td><td>%.2f</td><td>%.2f <small>%.2f to %.2f</small></td>"
                                + "<td>%+.2f %s</td></tr>",
                        bin.count() < Svg.FEW ? " class='few'" : "",
                        bin.lower(),
                        bin.upper(),
                        bin.count(),
                        bin.confidence(),
                        bin.accuracy(),
                        interval[0],
                        interval[1],
                        bin.confidence() - bin.accuracy(),
                        Svg.gap(bin, interval)));
            }
        }
        page.append("</tbody></table></div>");
    }

    private void histogram(StringBuilder page, Map<Method, Reliability> tables) {
        open(page, "Confidence", Seen.confident(evaluation));
        page.append("<p class='legend'>");
        legend(page, DRAWN);
        page.append("</p><figure>")
                .append(Svg.confidences(DRAWN, DRAWN.stream().map(tables::get).toList()))
                .append("</figure></section>");
    }

    private void examples(StringBuilder page) {
        List<Example> examples = evaluation.examples();
        open(page, examples.size() == 3 ? "Three questions" : "Questions", Seen.examples(examples));
        page.append("<p>MAP above, calibrated below; the true answer is marked.</p><div class='examples'>");
        for (Example example : examples) {
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
                    .append(question.noveltyBehind(", "))
                    .append("</p></article>");
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
