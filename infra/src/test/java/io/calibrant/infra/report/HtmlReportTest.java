package io.calibrant.infra.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.AccuracyCoverage;
import io.calibrant.fitter.selective.TargetAccuracy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class HtmlReportTest {
    private static final Path FILE = Path.of("target", "report", "sample.html");
    private static final Provenance MADE = new Provenance(
            Instant.parse("2026-11-30T09:12:58Z"),
            "0.2.0",
            "calibrant evaluate --questions 'my test.jsonl' --html report.html",
            List.of(new SourceFile("questions", "my test.jsonl", 100, "ba7816bf".repeat(8))));

    @Test
    void shouldCarryEveryFigureOfTheEvaluation() {
        Evaluation evaluation = evaluation(100);
        String page = report(evaluation).html();
        for (Method method : Method.values()) {
            assertThat(page)
                    .contains(String.format(
                            Locale.ROOT, "%.3f", evaluation.metrics(method).accuracy()))
                    .contains(String.format(
                            Locale.ROOT, "%.3f", evaluation.metrics(method).nll()))
                    .contains(String.format(
                            Locale.ROOT, "%.3f", evaluation.metrics(method).ece()))
                    .contains(String.format(
                            Locale.ROOT, "%.3f", evaluation.metrics(method).brier()));
        }
    }

    @Test
    void shouldNeedNothingElse() throws Exception {
        report(evaluation(100)).write(FILE);
        String page = Files.readString(FILE);
        assertThat(page)
                .startsWith("<!doctype html>")
                .doesNotContain("http:")
                .doesNotContain("https:")
                .doesNotContain("<script")
                .doesNotContain("<link")
                .doesNotContain("url(")
                .contains("prefers-color-scheme: dark");
    }

    @Test
    void shouldDrawEveryQuestionOnceInEachDiagram() {
        String page = report(evaluation(100)).html();
        Matcher tips =
                Pattern.compile("<title>confidence [^:]+: (\\d+) questions").matcher(page);
        int drawn = 0;
        while (tips.find()) {
            drawn += Integer.parseInt(tips.group(1));
        }
        assertThat(drawn).isEqualTo(3 * 100);
    }

    @Test
    void shouldSayWhenByWhatAndOfWhichFilesItWasMade() {
        String page = report(evaluation(20)).html();
        assertThat(page.substring(0, page.indexOf("class='said'")))
                .contains("<time datetime='2026-11-30T09:12:58Z'>2026-11-30 09:12 UTC</time> by Calibrant 0.2.0")
                .contains("<code>calibrant evaluate --questions &#39;my test.jsonl&#39; --html report.html</code>")
                .contains("<dt>questions</dt><dd>my test.jsonl, 100 questions, ")
                .contains("<code>" + "ba7816bf".repeat(8) + "</code>");
    }

    /** Every section but the last has a topic, and a title that is a sentence about these questions. */
    @Test
    void shouldSayInItsTitlesWhatIsSeen() {
        String page = report(evaluation(400)).html();
        assertThat(page)
                .contains("<p class='topic'>Reliability</p><h2>MAP is over-confident by ")
                .contains("<p class='topic'>Against MAP</p><h2>As served it is better than MAP in NLL")
                .contains("<p class='topic'>Figures</p><h2>")
                .contains("<p class='topic'>Confidence</p><h2>Surer than 90%: MAP of ")
                .contains("<p class='topic'>Three questions</p><h2>MAP is ");
        assertThat(page.split("<h2>", -1)).hasSameSizeAs(page.split("<section>", -1));
        String worse = report(evaluation(400, 2.3, 0.5)).html();
        assertThat(worse)
                .contains("<h2>As served it is worse than MAP in NLL, ECE and Brier score")
                .contains("<p class='worse'>✗ worse than MAP: NLL +");
    }

    /** What is right and was not claimed stood behind its own bar. */
    @Test
    void shouldShowBinsThatAreRightMoreOftenThanTheyClaim() {
        String page = report(evaluation(400, 6, 6)).html();
        assertThat(page).contains("under-confident by ").contains("<rect class='under'", "<path class='stripes'");
        String sure = report(evaluation(400, 0.3, 0.3)).html();
        assertThat(sure).contains("<rect class='over'").contains("over-confident by ");
        assertThat(sure.split("<path class='stripes'", -1).length).isLessThan(page.split("class='stripes'", -1).length);
    }

    @Test
    void shouldGiveEveryBinAndShareItsInterval() {
        List<EvaluatedQuestion> questions = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            double[] p = {.9, .1};
            questions.add(question("q" + i, i < 6 ? 0 : 1, p, p, p));
        }
        String page = report(new Evaluation(questions, "T")).html();
        // 6 of 8, Clopper and Pearson: .349 to .968
        assertThat(page)
                .contains(
                        "<g class='few'><title>confidence 0.87 to 0.93: 8 questions, mean confidence 0.900, right 0.750"
                                + " [0.349, 0.968]</title>")
                .contains("<td class='best'>0.750 <small>0.349 to 0.968</small></td>")
                .contains("<td>0.75 <small>0.35 to 0.97</small></td>")
                .contains("<path class='whisker'");
    }

    @Test
    void shouldGiveEachMethodAColourThatMeansNothingElse() throws Exception {
        Pattern variable = Pattern.compile("--(\\w+): (#\\w{6});");
        String report = style("report/report.css");
        for (String scheme : List.of(
                report.substring(0, report.indexOf("@media")),
                report.substring(report.indexOf("@media"), report.indexOf("* {")))) {
            Map<String, String> colours = new LinkedHashMap<>();
            variable.matcher(scheme).results().forEach(each -> colours.put(each.group(1), each.group(2)));
            assertThat(colours).hasSizeGreaterThan(10).containsKeys("map", "temperature", "calibrated", "laplace");
            assertThat(colours.values().stream().filter(each -> !each.equals(colours.get("card"))))
                    .doesNotHaveDuplicates();
        }
        // orange is MAP's, as on the monitor
        assertThat(style("monitor/monitor.css"))
                .contains(report.substring(report.indexOf("--map: "), report.indexOf("--map: ") + 14));
        Matcher ruled = Pattern.compile("\n([^\n]*)\\{[^}]*var\\(--(?:map|temperature|calibrated|laplace|labelfree)\\)")
                .matcher(report);
        while (ruled.find()) {
            assertThat(ruled.group(1)).matches("\\.(map|temperature|calibrated|laplace-evidence|label-free) ");
        }
    }

    private static String style(String name) throws Exception {
        try (var css = HtmlReport.class.getResourceAsStream("/io/calibrant/infra/" + name)) {
            return new String(css.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void shouldNotLetQuestionsBreakThePage() {
        EvaluatedQuestion nasty =
                question("<b>&\"'", 0, new double[] {.9, .1}, new double[] {.6, .4}, new double[] {.5, .5});
        String page = report(new Evaluation(List.of(nasty), "T & <T>")).html();
        assertThat(page)
                .doesNotContain("<b>&\"'")
                .contains("&lt;b&gt;&amp;&quot;&#39;")
                .contains("T &amp; &lt;T&gt;");
    }

    @Test
    void shouldShowThreeDifferentQuestionsTheSurestMistakeFirst() {
        Evaluation evaluation = evaluation(100);
        List<Example> examples = evaluation.examples();
        assertThat(examples)
                .extracting(example -> example.question().id())
                .doesNotHaveDuplicates()
                .hasSize(3);
        EvaluatedQuestion mistake = examples.get(0).question();
        assertThat(evaluation.questions())
                .filteredOn(question -> !question.right(Method.MAP))
                .allSatisfy(question -> assertThat(question.confidence(Method.MAP))
                        .isLessThanOrEqualTo(mistake.confidence(Method.MAP)));
        assertThat(mistake.right(Method.MAP)).isFalse();
    }

    @Test
    void shouldRefuseAMethodWithAnotherNumberOfProbabilities() {
        assertThatThrownBy(() -> new EvaluatedQuestion(
                        "q", "?", List.of("A", "B"), List.of("", ""), 0, Map.of(Method.MAP, List.of(1.0)), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("q has 2 choices, map has 1");
    }

    @Test
    void shouldPrintOneLineAMethod() {
        Evaluation evaluation = evaluation(50);
        assertThat(TextReport.table(evaluation).lines())
                .hasSize(7 + 2 + 4) // the table, how the temperature was found, the differences to MAP
                .allMatch(line -> line.length() <= 80)
                .anyMatch(line -> line.startsWith("MAP ")
                        && line.contains(String.format(
                                Locale.ROOT,
                                "%.3f",
                                evaluation.metrics(Method.MAP).nll())));
        assertThat(TextReport.examples(evaluation).lines().filter(line -> line.startsWith("  *")))
                .hasSize(3);
    }

    @Test
    void shouldSayNothingOfANoveltyThatTheTierOfAnAnswerLacks() {
        assertThat(TextReport.examples(evaluation(50))).contains("; novelty 0.30)");
        assertThat(report(evaluation(50)).html()).contains(", novelty 0.30</p>");
        Map<Method, List<Double>> all = new EnumMap<>(Method.class);
        for (Method method : Method.values()) {
            all.put(method, List.of(.6, .4));
        }
        Evaluation without = new Evaluation(
                List.of(new EvaluatedQuestion("q1", "?", List.of("A", "B"), List.of("", ""), 0, all, Double.NaN)),
                "T.");
        assertThat(TextReport.examples(without)).startsWith("q1 (").doesNotContain("ovelty", "NaN");
        assertThat(report(without).html()).contains("q1</p></article>").doesNotContain("ovelty", "NaN");
    }

    @Test
    void shouldShowSetsAndWhatTheScoresTellWhereTheyAreKnown() {
        Evaluation evaluation = evaluation(50);
        assertThat(report(evaluation).html()).doesNotContain("Conformal sets", "What the scores tell");
        Evaluation known = evaluation.with(new Diagnostics(
                0.1,
                Map.of(
                        Method.MAP,
                        new Diagnostics.Sets(40, 0.912, 2.34),
                        Method.CALIBRATED,
                        new Diagnostics.Sets(13, 0.9, 2)),
                Map.of(Score.ENTROPY, 0.713),
                Map.of(Score.NOVELTY, 0.998),
                100,
                false));
        assertThat(report(known).html())
                .contains("0.912", "2.34", "0.713", "0.998", "Unfamiliar from familiar")
                .contains("calibrated on 40 validation answers (As served: 13). Promise")
                .containsOnlyOnce("<table class='figures'>"); // the one whose second column a phone does without
        assertThat(TextReport.table(known))
                .contains(
                        "at least 90% promised, calibrated on 40 validation answers (As served: 13):",
                        "in the set 0.912", "Promise: of all new questions")
                .contains("wrong from right answers: entropy as served 0.713")
                .contains("the 100 unfamiliar questions from these: novelty 0.998");
    }

    @Test
    void shouldDrawTheCurveAndSayWhatMayBeAccepted() {
        Evaluation silent = evaluation(400);
        assertThat(report(silent).html()).doesNotContain("Selective prediction");
        assertThat(TextReport.table(silent)).doesNotContain("Selective prediction");

        TargetAccuracy low = new TargetAccuracy(0.55, 0.95);
        Acceptance own = new Acceptance(low, 90, Acceptance.Verdict.GUARANTEED, 0.5, 60, 2, 0);
        Evaluation known =
                silent.with(new Selection(List.of(low, TargetAccuracy.DEFAULT), Set.of(), Set.of(), List.of(own)));
        String said = AcceptanceWords.sentence(known.acceptances().get(0));
        assertThat(said).startsWith("answers above .");
        AccuracyCoverage curve = known.curve(Method.CALIBRATED).orElseThrow();
        String area = String.format(Locale.ROOT, "%.4f", curve.aurc());
        assertThat(report(known).html())
                .contains("<p class='topic'>Selective prediction</p>", "aria-label='Accuracy-coverage curve'", area)
                .contains("<li>" + said + "</li>", "<title>" + said + "</title>", "<path class='band calibrated'")
                .contains("score --target-accuracy .55 accepts above .5, by 90 labels of its own: here ");
        assertThat(TextReport.table(known))
                .contains("Selective prediction, served answers to 400 questions whose labels tuned nothing:")
                .contains("curve " + area + " (best order ", said + System.lineSeparator());
        assertThat(TextReport.table(known).lines().filter(line -> line.matches("\\d+% +[01]\\.\\d{4} .*")))
                .hasSize(10);
        Set<String> all =
                silent.questions().stream().map(EvaluatedQuestion::id).collect(Collectors.toUnmodifiableSet());
        assertThat(silent.with(new Selection(List.of(low), Set.of(), all, List.of(own)))
                        .posteriorSentences())
                .as("unfamiliar ones are accepted at no threshold")
                .containsExactly("score --target-accuracy .55 accepts above .5, by 90 labels of its own: here 0 of 400,"
                        + " none right");
    }

    /** Their labels have tuned what is served: no guarantee may rest on them. */
    @Test
    void shouldLeaveOutWhatHasTunedTheCalibration() {
        Evaluation evaluation = evaluation(60);
        Set<String> tuned = Set.of("test-003", "test-017");
        Selection selection = new Selection(List.of(TargetAccuracy.DEFAULT), tuned, Set.of(), List.of());
        Evaluation left = evaluation.with(selection);
        assertThat(left.curve(Method.CALIBRATED).orElseThrow().answers()).isEqualTo(58);
        assertThat(left.acceptances().get(0).labels()).isEqualTo(58);
        assertThat(left.metrics(Method.CALIBRATED).n()).isEqualTo(60);
        Evaluation none = new Evaluation(evaluation.questions().subList(3, 4), "").with(selection);
        assertThat(none.curve(Method.MAP)).isEmpty();
        assertThat(TextReport.table(none)).doesNotContain("Selective prediction");
        assertThat(report(none).html()).doesNotContain("Selective prediction");
    }

    @Test
    void shouldCallWhatIsSignificantlyWorseWorse() {
        Evaluation worse = evaluation(100, 2.3, 0.5);
        String against = against(worse);
        assertThat(against).contains("<td class='worse'>").doesNotContain("better'>", "best'>");
        assertThat(worse.warning()).get().asString().startsWith("Warning: served is worse than MAP on these 100");
        assertThat(report(worse).html()).contains("<p class='worse'>Warning: served is worse");
        assertThat(TextReport.table(worse)).contains("Warning: served is worse than MAP");

        Evaluation better = evaluation(100, 0.5, 2.3);
        assertThat(against(better)).contains("<td class='better'>").doesNotContain("worse'>");
        assertThat(better.warning()).isEmpty();
    }

    @Test
    void shouldShowNoIntervalOfAHandfulOfQuestions() {
        Evaluation few = evaluation(3, 2.3, 0.5);
        assertThat(TextReport.table(few))
                .contains("intervals need 10 questions or more")
                .doesNotContain("[");
        assertThat(against(few)).doesNotContain("<small>", "better", "worse'>");
        assertThat(few.warning()).get().asString().contains("too few questions to tell");
    }

    /** The table of differences to MAP. */
    private static String against(Evaluation evaluation) {
        String page = report(evaluation).html();
        int start = page.indexOf("<p class='topic'>Against MAP</p>");
        return page.substring(start, page.indexOf("</table>", start));
    }

    private static HtmlReport report(Evaluation evaluation) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("Model", "demo (Llama, 3 layers, hidden size 64)");
        facts.put("Run, checkpoint, fit", "demo / step-400 / default, posterior version 3, COMPLETE");
        facts.put("Prior precision", "7.39 (evidence); log evidence -866.4, 590.8 effective of 9984 parameters");
        facts.put("Command", "calibrant train --run demo --model demo/model --questions demo/train.jsonl --steps 400");
        return new HtmlReport("Demo model on 100 held-out questions", MADE, facts, evaluation);
    }

    /** An over-confident model of 54% accuracy, and what calibration could make of it. */
    private static Evaluation evaluation(int count) {
        return evaluation(count, 1, 2.3);
    }

    /** The same at other temperatures. */
    private static Evaluation evaluation(int count, double map, double served) {
        Random random = new Random(7);
        List<EvaluatedQuestion> questions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int classes = 2 + random.nextInt(3);
            int truth = random.nextInt(classes);
            double[] logits = new double[classes];
            for (int c = 0; c < classes; c++) {
                logits[c] = 2.2 * random.nextGaussian() + (c == truth ? 1.6 : 0);
            }
            questions.add(question(
                    String.format("test-%03d", i),
                    truth,
                    softmax(logits, map),
                    softmax(logits, (map + served) / 2),
                    softmax(logits, served)));
        }
        return new Evaluation(questions, "Temperature 1.80, fitted on 40 validation answers with labels.");
    }

    private static EvaluatedQuestion question(String id, int truth, double[] map, double[] tempered, double[] laplace) {
        List<String> labels = List.of("A", "B", "C", "D").subList(0, map.length);
        List<String> texts =
                List.of("12", "a longer answer of some words", "7", "29").subList(0, map.length);
        return new EvaluatedQuestion(
                id,
                "Look at these numbers. Which one is the smallest of them all? " + id,
                labels,
                texts,
                truth,
                Map.of(
                        Method.MAP, list(map),
                        Method.TEMPERATURE, list(tempered),
                        Method.LAPLACE, list(laplace),
                        Method.LABEL_FREE, list(laplace),
                        Method.CALIBRATED, list(laplace)),
                .3);
    }

    private static List<Double> list(double[] values) {
        return java.util.Arrays.stream(values).boxed().toList();
    }

    private static double[] softmax(double[] logits, double temperature) {
        return io.calibrant.fitter.metrics.TemperatureScaling.probabilities(logits, temperature);
    }
}
