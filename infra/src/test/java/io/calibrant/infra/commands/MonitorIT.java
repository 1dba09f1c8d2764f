package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.cluster.Cluster;
import io.calibrant.infra.live.PlantedRun;
import io.calibrant.infra.monitor.Chromium;
import io.calibrant.infra.monitor.Monitor;
import io.calibrant.infra.monitor.MonitorSettings;
import io.calibrant.infra.monitor.PathProxy;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.avro.ReliabilityBin;
import io.calibrant.schemas.avro.SequentialAlarm;
import io.calibrant.schemas.http.HostNames;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The monitor beside a real broker and the real registry, its page in a real Chromium. */
@Tag("timed")
class MonitorIT extends OnOneCluster {
    /** Until a page has loaded and the topics are read. */
    private static final Duration START = Duration.ofSeconds(60);
    /** Until a page has done what it was told. */
    private static final Duration SOON = Duration.ofSeconds(20);
    /** Until a change is on the page. */
    private static final Duration SEEN = Duration.ofSeconds(2);

    private static final String MARKUP = "<img src=x onerror=document.title='owned'>";

    @TempDir
    private Path dir;

    private PlantedRun run;

    @BeforeEach
    void plant() {
        run = new PlantedRun(connection, "r1");
    }

    private Chromium chromium(String name) throws Exception {
        assumeTrue(Chromium.installed() != null, "no Chromium on this machine: the page is not tested");
        return Chromium.start(dir.resolve(name));
    }

    private static String text(Chromium page, String selector) {
        return page.evaluate(
                "[...document.querySelectorAll(" + quoted(selector) + ")].map(e => e.textContent).join('|')");
    }

    private static String quoted(String text) {
        return '"' + text.replace("\"", "\\\"") + '"';
    }

    /** The value beside a name in a list of facts. */
    private static String fact(Chromium page, String name) {
        return page.evaluate("[...document.querySelectorAll('dt')].find(e => e.textContent === " + quoted(name)
                + ")?.nextSibling?.textContent");
    }

    /** The last of that name in the record that is open. */
    private static String openedFact(Chromium page, String name) {
        return page.evaluate("[...document.querySelectorAll('#opened dt')].filter(e => e.textContent === "
                + quoted(name) + ").at(-1)?.nextSibling?.textContent");
    }

    private static void shouldBeClean(Chromium page, URI address) {
        assertThat(page.complaints()).isEmpty();
        assertThat(page.requests())
                .isNotEmpty()
                .allMatch(asked -> asked.startsWith(address.toString()) || asked.startsWith("data:"));
    }

    @Test
    void shouldShowWhatTheTopicsSayAndWhatComes() throws Exception {
        TopicAdmin.createMissing(connection);
        run.description();
        run.step(99, 0.5);
        run.step(100, 0.25);
        run.curvature(4);
        run.fold(3);
        run.posterior(3, 3.5, -41);
        run.fold(4);
        run.posterior(4, 2.5, -40);
        question("q1", "Which of the two? " + MARKUP);
        answer("q1", 0.75, 0.875, 0.3125);
        MethodMetrics map = metrics(40, 0.7, 0.6, 0.21);
        MethodMetrics calibrated = metrics(40, 0.7, 0.5, 0.03);
        calibration(map, calibrated);
        deadLetter();
        try (Monitor monitor = Monitor.start(connection, 0);
                Chromium page = chromium("first")) {
            page.look(1280, 900, false);
            page.open(monitor.address());
            await().atMost(START).until(() -> text(page, "#connection").equals("live"));
            // The time is said again and again: a page that does not hear it takes its stream for dead.
            page.evaluate("window.clocks = 0;"
                    + " new EventSource('events').addEventListener('clock', () => { window.clocks++; })");

            assertThat(text(page, "#runs td"))
                    .startsWith("r1 tiny-llama|final|default|folding|4 of 10|4|prior: evidence only|")
                    .endsWith(" ago|shown");
            // What is live is said once.
            assertThat(page.evaluate("document.body.innerText.match(/\\blive\\b/gi).length"))
                    .isEqualTo("1");
            assertThat(fact(page, "Loss")).isEqualTo("0.25 nats");
            assertThat(fact(page, "Trainer")).startsWith("silent for ").endsWith(" days: curvature pass, 4 of 10");
            assertThat(fact(page, "Posterior")).matches("version 4, \\d+ s ago");
            assertThat(fact(page, "Learning rate")).isEqualTo("5.000e-5");
            assertThat(fact(page, "Lambda")).isEqualTo("2.5");
            assertThat(fact(page, "Log evidence")).isEqualTo("-40 nats");
            assertThat(fact(page, "Effective parameters")).isEqualTo("12.5 of 1664");
            assertThat(fact(page, "Coverage")).isEqualTo("4 of 10 batches");
            assertThat(fact(page, "Lag")).isEqualTo("0.0 s");
            assertThat(text(page, "#heat button")).isEqualTo(percents());
            assertThat(text(page, "#block-name")).endsWith(PlantedRun.BLOCKS.get(0));
            assertThat(page.evaluate("document.querySelector('#spectrum [role=img]').getAttribute('aria-label')"))
                    .isEqualTo("Eigenvalues now: 32, 16, 4");
            // Axes are drawn on a canvas: uPlot is there and has drawn every chart.
            assertThat(page.evaluate("document.querySelectorAll('.uplot canvas').length"))
                    .isEqualTo("9");
            assertThat(text(page, "#reliability-map p")).isEqualTo("n 40, right 70.0%, ECE 0.21, NLL 0.6 nats");
            assertThat(text(page, "#reliability-calibrated p")).isEqualTo("n 40, right 70.0%, ECE 0.03, NLL 0.5 nats");
            assertThat(text(page, "#reliability-calibrated td")).endsWith("|14|0|0|0|15|40|0.96|0.7");
            assertThat(page.evaluate("document.getElementById('reliability-temperature') === null"))
                    .isEqualTo("true");
            assertThat(text(page, "#answers td")).startsWith("q1|A|87.5%|–|75.0%|0.3125|–|final/default 4|");
            assertThat(fact(page, "Its version")).isEqualTo("4");
            assertThat(page.evaluate("document.querySelector('#scatter circle').getAttribute('cx')"))
                    .isEqualTo("180");
            // What comes from a topic is text.
            assertThat(text(page, "#letters td")).contains("statistics|r1/final/x|no such block " + MARKUP);
            assertThat(page.evaluate("document.querySelectorAll('img').length")).isEqualTo("0");
            assertThat(page.evaluate("document.title")).isEqualTo("r1 – Calibrant monitor");

            shouldSayTheValueUnderTheCursorAndZoom(page);
            shouldSayTheValueUnderTheCursorOfEveryChart(page);
            shouldShowOneHourInTheMiddleAndSharesInPercent(page);
            shouldMarkAnAlarmAndWhatDoesNotHold(page, map, calibrated);
            shouldOpenAnAnswerAndGoBack(page);
            shouldLayAnotherRunOverIt(page);

            // A change is there within 2 s.
            run.fold(5);
            run.posterior(5, 1.5, -39);
            await().atMost(SEEN).until(() -> fact(page, "Lambda").equals("1.5"));
            await().atMost(SEEN).until(() -> fact(page, "Coverage").equals("5 of 10 batches"));
            // What is there stays where it is: a row that is clicked, an answer that was read aloud.
            page.evaluate("window.row = document.querySelector('#answers tbody tr')");
            page.evaluate("document.querySelector('#scatter .reader').focus()");
            answer("q2", 0.5, 0.625, 0.5);
            await().atMost(SEEN).until(() -> text(page, "#answers td").startsWith("q2|A|62.5%|–|50.0%|0.5|"));
            assertThat(page.evaluate("window.row.isConnected")).isEqualTo("true");
            // New dots are ringed, for ten seconds of the clock.
            assertThat(page.evaluate("'' + [...document.querySelectorAll('#scatter circle')].at(-1).matches('.new')"))
                    .isEqualTo("true");
            page.evaluate("window.clock = Date.now; Date.now = () => window.clock() + 60_000");
            await().atMost(SEEN)
                    .until(() -> page.evaluate("document.querySelectorAll('#scatter .new').length")
                            .equals("0"));
            page.evaluate("Date.now = window.clock");
            page.press("Enter");
            await().atMost(SOON).until(() -> text(page, "#opened-title").equals("Answer to q1"));
            page.press("Escape");
            await().atMost(SOON).until(() -> page.evaluate("location.hash").indexOf("answer=") < 0);

            // By keyboard: to the next layer, and choose.
            page.evaluate("document.querySelector('#heat button[aria-pressed=true]').focus()");
            page.press("ArrowRight");
            assertThat(page.evaluate("document.activeElement.dataset.block"))
                    .isEqualTo("model.layers.1.self_attn.q_proj.lora_A");
            page.press("Enter");
            await().atMost(SEEN)
                    .until(() -> text(page, "#block-name").endsWith("model.layers.1.self_attn.q_proj.lora_A"));
            assertThat(page.evaluate("document.querySelector('#heat [aria-pressed=true]').dataset.block"))
                    .isEqualTo("model.layers.1.self_attn.q_proj.lora_A");

            // Everything has a name, and nothing is wider than a narrow screen.
            assertThat(page.evaluate("[...document.querySelectorAll('button, svg, [role=img]')]"
                            + ".filter(e => !(e.getAttribute('aria-label') || e.textContent)).length"))
                    .isEqualTo("0");
            page.look(390, 800, true);
            await().atMost(SEEN)
                    .until(() -> page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                            .equals("true"));
            // The table scrolls there, and shows that it does.
            await().atMost(SOON)
                    .until(() -> page.evaluate("document.querySelectorAll('#runs-some .scroll.more-right').length"
                                    + " + ' ' + document.querySelector('#runs-some .hint').hidden")
                            .equals("1 false"));
            shouldZoomAndReadByTouch(page);

            // Another monitor, later, and a page of it: the same history.
            try (Monitor second = Monitor.start(connection, 0);
                    Chromium late = chromium("late")) {
                late.look(1280, 900, false);
                late.open(second.address());
                await().atMost(START)
                        .untilAsserted(() -> assertThat(history(late)).isEqualTo(history(page)));
                shouldShowTheSameViewByALink(late);
                // A link to a dead letter shows it, its bytes and headers as text.
                late.evaluate("location.hash = 'letter=' + new URLSearchParams(document.querySelector('#letters a')"
                        + ".hash.slice(1)).get('letter')");
                await().atMost(SOON).until(() -> text(late, "#opened-body").contains("__streams.errors.message"));
                assertThat(text(late, "#opened-title")).isEqualTo("Dead letter r1/final/x");
                assertThat(text(late, "#opened-body"))
                        .contains("no such block " + MARKUP, "1 byte; all shown", "00000000  01 ");
                assertThat(late.evaluate("document.querySelectorAll('img').length"))
                        .isEqualTo("0");
                assertThat(late.evaluate("document.getElementById('opened-title').ariaLive"))
                        .isEqualTo("polite");
                shouldFitALongRecordOnANarrowScreen(late);
                shouldSayInWhichZoneHoursAre(late);
                shouldSayEveryDigitOfAPlaceAndWhyThereIsNoRecord(late);
                shouldBeClean(late, second.address());
            }
            await().atMost(SOON).until(() -> Integer.parseInt(page.evaluate("window.clocks")) >= 2);
            shouldBeClean(page, monitor.address());
        }
    }

    /** What a page shows, whenever it is looked at. */
    private static String history(Chromium page) {
        return text(page, "#runs, #figures, #heat, #diagrams, #answers, #letters")
                .replaceAll("\\d+ (s|min) ago", "some time ago");
    }

    private static double place(Chromium page, String selector, String expression) {
        return Double.parseDouble(page.evaluate(
                "(r => " + expression + ")(document.querySelector(" + quoted(selector) + ").getBoundingClientRect())"));
    }

    private static void shouldSayTheValueUnderTheCursorAndZoom(Chromium page) {
        page.evaluate("document.getElementById('loss').scrollIntoView({block: 'center'})");
        String plot = "#loss .u-over";
        double left = place(page, plot, "r.left");
        double width = place(page, plot, "r.width");
        double middle = place(page, plot, "r.top + r.height / 2");
        await().atMost(SOON).until(() -> {
            page.move(left + 0.9 * width, middle + Math.random()); // the scrolling before it may hide what it says
            return text(page, "#tip:not([hidden]) div").equals("step 100|loss 0.25 nats");
        });
        page.drag(left + 0.2 * width, middle, left + 0.6 * width, middle);
        await().atMost(SOON)
                .until(() -> text(page, "#loss .whole:not([hidden])").equals("whole range"));
        // The address says so, and so does every link from then on.
        assertThat(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('zoom-loss')"))
                .matches("step:9[89]\\.\\d+:99\\.\\d+");
        assertThat(page.evaluate("document.querySelector('#answers a').hash")).contains("zoom-loss=step");
        page.doubleClick(left + 0.5 * width, middle);
        await().atMost(SOON)
                .until(() -> page.evaluate("document.querySelector('#loss .whole').hidden")
                        .equals("true"));
        assertThat(page.evaluate("location.hash")).doesNotContain("zoom");
        // The same from the keyboard, and a screen reader reads it.
        page.evaluate("document.querySelector('#loss .reader').focus()");
        page.press("Home");
        assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                .isEqualTo("step 99, loss 0.5 nats");
        page.press("End");
        assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                .isEqualTo("step 100, loss 0.25 nats");
        assertThat(text(page, "#tip:not([hidden]) div")).isEqualTo("step 100|loss 0.25 nats");
        page.press("+");
        assertThat(page.evaluate("document.querySelector('#loss .whole').hidden"))
                .isEqualTo("false");
        page.press("0");
        assertThat(page.evaluate("document.querySelector('#loss .whole').hidden"))
                .isEqualTo("true");
        page.evaluate("document.activeElement.blur()");
        // Every chart has such a reader with a name.
        assertThat(page.evaluate("[...document.querySelectorAll('.plot')].every(e => e.querySelector("
                        + "'input.reader')?.getAttribute('aria-label'))"))
                .isEqualTo("true");
    }

    private static void shouldZoomAndReadByTouch(Chromium page) {
        page.evaluate("document.getElementById('loss').scrollIntoView({block: 'center'})");
        String plot = "#loss .u-over";
        double left = place(page, plot, "r.left");
        double width = place(page, plot, "r.width");
        double middle = place(page, plot, "r.top + r.height / 2");
        page.swipe(left + 0.2 * width, middle, left + 0.6 * width, middle);
        await().atMost(SOON)
                .until(() -> text(page, "#loss .whole:not([hidden])").equals("whole range"));
        assertThat(page.evaluate("new URLSearchParams(location.hash.slice(1)).get('zoom-loss')"))
                .matches("step:98\\.\\d+:99\\.\\d+");
        assertThat(page.evaluate("getComputedStyle(document.querySelector('#loss .u-over')).touchAction"))
                .isEqualTo("pan-y pinch-zoom"); // so that the page still scrolls
        page.evaluate("document.querySelector('#loss .whole').click()");
        assertThat(page.evaluate("location.hash")).doesNotContain("zoom");
        String bin = "#reliability-calibrated .hit";
        page.evaluate("document.querySelector(" + quoted(bin) + ").scrollIntoView({block: 'center'})");
        await().atMost(SOON).untilAsserted(() -> {
            double x = place(page, bin, "r.left + r.width / 2");
            double y = place(page, bin, "r.top + r.height / 2");
            page.swipe(x, y, x, y);
            assertThat(text(page, "#tip:not([hidden]) div")).contains("|right 70.0% of 40|"); // the finger is gone
        });
        double y = place(page, "#answers-title", "r.top");
        page.swipe(5, Math.min(Math.max(y, 200), 700), 5, Math.min(Math.max(y, 200), 700));
        await().atMost(SOON).until(() -> text(page, "#tip:not([hidden])").isEmpty());
    }

    private static void shouldSayTheValueUnderTheCursorOfEveryChart(Chromium page) {
        Map<String, String> said = new LinkedHashMap<>();
        said.put("#lambda .u-over", "batch 4|lambda 2.5");
        said.put("#evidence .u-over", "batch 4|log evidence -40 nats");
        said.put("#effective .u-over", "batch 4|effective parameters 12.5");
        said.put("#heat button", PlantedRun.BLOCKS.get(0) + "|captured energy 50.0%|delta 1|n 400 rows|4 batches");
        said.put("#spectrum .u-over", "batch 4|w1 32|w2 16|w3 4");
        said.put("#accuracy .u-over", ".*:00:00.*|expected without labels 75.0%|realised 50.0%");
        said.put(
                "#reliability-map .hit",
                "confidence 0.9333 to 1, 0.96 on average|right 70.0% of 40|95% interval 54.6% to 81.9%");
        said.put(
                "#reliability-calibrated .hit",
                "confidence 0.9333 to 1, 0.96 on average|right 70.0% of 40|95% interval 54.6% to 81.9%");
        said.put("#ece .u-over", "40 answers|MAP 0.21|Served 0.03");
        said.put("#nll .u-over", "40 answers|MAP 0.6 nats|Served 0.5 nats");
        said.put("#throughput .u-over", ".*:\\d\\d .*|answers a second 1");
        said.put("#scatter circle", "q1|A, 75.0% as served|novelty 0.3125");
        said.forEach((place, lines) -> {
            page.evaluate("document.querySelector(" + quoted(place) + ").scrollIntoView({block: 'center'})");
            // Behind the middle: a chart of two places says the second, one of a single place has it in the middle.
            double x = place(page, place, "r.left + 0.7 * r.width");
            double y = place(page, place, "r.top + r.height / 2");
            String pattern = lines.startsWith(".*") ? lines.replace("|", "\\|") : Pattern.quote(lines);
            await(place).atMost(SOON).pollDelay(Duration.ZERO).untilAsserted(() -> {
                page.move(1, 1); // the scrolling before it may hide what it says
                page.move(x, y);
                assertThat(text(page, "#tip:not([hidden]) div")).matches(pattern);
            });
        });
        // None is left out.
        assertThat(page.evaluate("[...document.querySelectorAll('figure')].map(each => '#' + each.id).join()")
                        .split(","))
                .allMatch(figure -> figure.equals("#loss")
                        || said.keySet().stream().anyMatch(each -> each.startsWith(figure + " ")));
    }

    /** Eight choices, a question without a space in it, a key and a header without one. */
    private void shouldFitALongRecordOnANarrowScreen(Chromium page) throws Exception {
        String stem = "unbroken".repeat(60);
        question("q8", stem);
        List<String> labels = List.of("A", "B", "C", "D", "E", "F", "G", "H");
        List<Double> contrasts = Collections.nCopies(7, -1.234e-5);
        run.send(
                connection.topics().answers(),
                "q8",
                Answer.class,
                answer("q8", Collections.nCopies(8, 0.125), Collections.nCopies(8, 0.125))
                        .setLabels(labels)
                        .setContrastMean(contrasts)
                        .setContrastCovariance(Collections.nCopies(7, contrasts))
                        .build());
        deadLetter("k".repeat(119), stem, "see https://svc:hunter2-pa55@host/ for it");
        page.look(390, 800, true);
        for (String opener : List.of("#answers a[data-key]", "#letters a[data-key]")) {
            await().atMost(SOON).until(() -> text(page, opener).matches("(q8|k{119}).*"));
            page.evaluate("document.querySelector(" + quoted(opener) + ").click()");
            await().atMost(SOON)
                    .until(() -> text(page, "#opened-title")
                                    .matches(opener.contains("answers") ? "Answer to q8" : "Dead letter k{119}")
                            && text(page, "#opened-body").contains(stem));
            // What is wide scrolls within itself, and the dialog does not.
            assertThat(page.evaluate("(d => d.scrollWidth <= d.clientWidth && d.getBoundingClientRect().right <= 390"
                            + " && [...d.querySelectorAll('*')].filter(e => !e.closest('.scroll, pre'))"
                            + ".every(e => e.getBoundingClientRect().right <= d.getBoundingClientRect().right))"
                            + "(document.getElementById('opened'))"))
                    .isEqualTo("true");
            assertThat(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
                    .isEqualTo("true");
            if (opener.startsWith("#answers")) {
                assertThat(page.evaluate("document.querySelectorAll('#opened .scroll.more-right').length"))
                        .isEqualTo("1");
                assertThat(text(page, "#opened .scroll td")).startsWith("A|-1.234e-5|-1.234e-5");
            }
        }
        assertThat(text(page, "body")).doesNotContain("hunter2").contains("https://********@host/");
        page.look(1280, 900, false);
    }

    private static void shouldSayInWhichZoneHoursAre(Chromium page) {
        page.zone("America/New_York");
        page.evaluate("window.texts = []; window.write = CanvasRenderingContext2D.prototype.fillText;"
                + " CanvasRenderingContext2D.prototype.fillText ="
                + " function(text, ...at) { window.texts.push(text); return window.write.call(this, text, ...at); }");
        page.evaluate("document.getElementById('opened').close()");
        await().atMost(SOON).until(() -> page.evaluate("location.hash").indexOf("letter=") < 0);
        page.evaluate("location.hash = 'axis=time'");
        await().atMost(SOON)
                .until(() -> page.evaluate("window.texts.includes('America/New_York')")
                        .equals("true"));
        await().atMost(SOON).untilAsserted(() -> {
            page.evaluate("document.querySelector('#lambda .reader').focus()");
            page.press("Home");
            assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                    .matches(".* E[SD]T, lambda .*");
        });
        page.evaluate("document.querySelector('#answers a').click()");
        await().atMost(SOON).until(() -> String.valueOf(fact(page, "Time")).matches(".* E[SD]T \\(\\d+ s ago\\)"));
    }

    private static void shouldSayEveryDigitOfAPlaceAndWhyThereIsNoRecord(Chromium page) {
        page.evaluate("window.answering = response => { window.fetch = () => Promise.resolve(response); }");
        String letter = "{topic: 't', partition: 0, offset: 12345678, time: 1, key: 'k', reason: '', origin: '',"
                + " originPartition: '', originOffset: '', headers: [], headersLeftOut: 0, bytes: 12, shown: 12,"
                + " decoded: true, text: 'x', hex: ''}";
        page.evaluate("answering(Response.json(" + letter + ")); location.hash = 'letter=t:0:12345678'");
        await().atMost(SOON).until(() -> "12345678".equals(openedFact(page, "Offset")));
        assertThat(text(page, "#opened-body")).contains("12 bytes, which the letter has in base64; all shown");
        page.evaluate("answering(new Response('no', {status: 502})); location.hash = 'letter=t:0:1'");
        await().atMost(SOON)
                .until(() ->
                        text(page, "#opened [role=alert]").equals("The response has status 502 and no record in it."));
        page.evaluate("answering(new Response('no', {status: 403})); location.hash = 'letter=t:0:2'");
        await().atMost(SOON)
                .until(() -> text(page, "#opened [role=alert]")
                        .endsWith(" 403 and no record in it. Where a login has ended, load this page anew."));
        page.evaluate("window.fetch = () => Promise.reject(new TypeError()); location.hash = 'letter=t:0:3'");
        await().atMost(SOON).until(() -> text(page, "#opened [role=alert]").equals("The monitor does not answer."));
        // Counts are grouped, measured figures have four digits.
        page.evaluate("import('./dom.js').then(({ counted, number }) => {"
                + " window.numbers = [counted(12345678, 'answer'), number(12345678), number(1664)].join(); })");
        await().atMost(SOON).until(() -> "12,345,678 answers,1.235e+7,1664".equals(page.evaluate("window.numbers")));
    }

    /** Zoom, sort and search stand in the address; another run has other batches, so its link has no zoom. */
    private static void shouldShowTheSameViewByALink(Chromium page) {
        page.evaluate("location.hash = 'zoom-loss=step:98.5:99.5&zoom-lambda=minutes:1:2&sort=run&search=R2'");
        await().atMost(SOON)
                .until(() -> text(page, "#loss .whole:not([hidden])").equals("whole range"));
        assertThat(page.evaluate("document.querySelector('#lambda .whole').hidden")) // batches, not minutes
                .isEqualTo("true");
        assertThat(page.evaluate("document.getElementById('runs-search').value"))
                .isEqualTo("R2");
        assertThat(text(page, "#runs td:first-child a")).isEqualTo("r1|r2");
        assertThat(page.evaluate("document.querySelector('#runs th').getAttribute('aria-sort')"))
                .isEqualTo("ascending");
        page.evaluate("[...document.querySelectorAll('#runs td:first-child a')].at(-1).click()");
        await().atMost(SOON).until(() -> text(page, "#title").equals("r2 / final / default"));
        assertThat(page.evaluate("location.hash"))
                .contains("sort=run&search=R2")
                .doesNotContain("zoom");
        assertThat(page.evaluate("document.querySelector('#loss .whole')?.hidden ?? true"))
                .isEqualTo("true");
        page.evaluate("location.hash = ''");
        await().atMost(SOON).until(() -> text(page, "#title").startsWith("r1"));
    }

    private static void shouldShowOneHourInTheMiddleAndSharesInPercent(Chromium page) {
        page.evaluate("document.getElementById('accuracy').scrollIntoView({block: 'center'})");
        page.evaluate("document.querySelector('#accuracy .reader').focus()");
        assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                .endsWith(", expected without labels 75.0%, realised 50.0%");
        String plot = "#accuracy .u-over";
        assertThat(place(page, "#tip", "r.left") - 14)
                .isCloseTo(place(page, plot, "r.left + r.width / 2"), within(2.0));
        page.evaluate("document.activeElement.blur()");
    }

    private void shouldMarkAnAlarmAndWhatDoesNotHold(Chromium page, MethodMetrics map, MethodMetrics calibrated) {
        assertThat(page.evaluate("document.getElementById('alarm').hidden")).isEqualTo("true");
        assertThat(text(page, "#accuracy .keys span")).isEqualTo("expected without labels|realised");
        accuracyOfAnHour(map, calibrated, 15);
        total("r1", map, calibrated, new SequentialAlarm(2e6, 1e6, 900L, Instant.parse("2026-11-25T10:00:00Z")));
        await().atMost(SEEN)
                .until(() -> text(page, "#alarm:not([hidden])")
                        .equals("Alarm: the questions are of another kind than the training questions since"
                                + " 2026-11-25T10:00:00Z."));
        assertThat(page.evaluate("document.getElementById('alarm').getAttribute('role')"))
                .isEqualTo("alert");
        await().atMost(SEEN).until(() -> text(page, "#accuracy b").equals("75.0% expected, which does not hold"));
        assertThat(text(page, "#accuracy-holds"))
                .isEqualTo("What is expected without labels does not hold in 1 of 1 hour: too many of their questions"
                        + " are unfamiliar.");
        assertThat(text(page, "#accuracy .keys .bad")).isEqualTo("expected, does not hold");
        assertThat(page.evaluate("document.querySelector('#accuracy [role=img]').getAttribute('aria-label')"))
                .endsWith(": 75.0% expected in the last one, which does not hold");
        page.evaluate("document.querySelector('#accuracy .reader').focus()");
        assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                .endsWith(", expected without labels 75.0%, which does not hold: 30.0% of its questions are unfamiliar,"
                        + " realised 50.0%");
        page.evaluate("document.activeElement.blur()");
    }

    private void shouldOpenAnAnswerAndGoBack(Chromium page) {
        page.evaluate("document.querySelector('#answers a').click()");
        await().atMost(SOON).until(() -> text(page, "#opened-body").contains("Which of the two? " + MARKUP));
        assertThat(page.evaluate("document.getElementById('opened').open + ' ' + /answer=/.test(location.hash)"))
                .isEqualTo("true true");
        assertThat(text(page, "#opened-title")).isEqualTo("Answer to q1");
        assertThat(text(page, "#opened .bars td")).isEqualTo("87.5%|75.0%|12.5%|25.0%");
        assertThat(text(page, "#opened .bars tbody th")).isEqualTo("A first|B second");
        assertThat(fact(page, "Mutual information")).isEqualTo("0.1 nats");
        assertThat(fact(page, "Topic")).isEqualTo(connection.topics().answers());
        assertThat(fact(page, "Offset")).isEqualTo("0");
        page.evaluate("history.back()");
        await().atMost(SOON)
                .until(() ->
                        page.evaluate("document.getElementById('opened').open").equals("false"));
        page.evaluate("history.forward()");
        await().atMost(SOON)
                .until(() ->
                        page.evaluate("document.getElementById('opened').open").equals("true"));
        page.press("Escape");
        await().atMost(SOON).until(() -> page.evaluate("location.hash").indexOf("answer=") < 0);
        assertThat(page.evaluate("document.activeElement.textContent")).isEqualTo("q1");
    }

    private void shouldLayAnotherRunOverIt(Chromium page) {
        PlantedRun other = new PlantedRun(connection, "r2");
        other.description();
        other.step(50, 0.75);
        run.step(98, 0.5); // r1 stays the one that is shown
        other.posterior(2, 9.5, -50);
        other.fold(2);
        total("r2", metrics(20, 0.5, 0.7, 0.25), metrics(20, 0.4, 0.8, 0.3), null);
        run.posterior(4, 2.5, -40);
        String over = "document.querySelector('[data-key=\"over r2/final/default\"]')";
        await().atMost(SOON).until(() -> page.evaluate(over + "?.textContent").equals("lay over"));
        page.evaluate(over + ".click()");
        await().atMost(SOON).until(() -> text(page, "#lambda .keys span").equals("lambda|r2/final/default"));
        // The same block of the other one, and how often its answers are right.
        await().atMost(SOON)
                .until(() -> text(page, "#spectrum-other.key:not([hidden])").equals("r2/final/default"));
        page.evaluate("document.querySelector('#spectrum .reader').focus()");
        page.press("Home");
        assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                .isEqualTo("batch 2, r2/final/default w1 16, r2/final/default w2 8, r2/final/default w3 2");
        assertThat(text(page, "#reliability-calibrated .other")).isEqualTo("r2/final/default");
        assertThat(text(page, "#reliability-calibrated p"))
                .isEqualTo("n 40, right 70.0%, ECE 0.03, NLL 0.5 nats"
                        + "|r2/final/default: n 20, right 40.0%, ECE 0.3, NLL 0.8 nats");
        assertThat(page.evaluate("document.querySelector('#reliability-map .laid').getAttribute('y1')"))
                .isEqualTo("79");
        page.evaluate("document.querySelector('#reliability-calibrated .reader').focus()");
        assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                .contains(", right 70.0% of 40, 95% interval 54.6% to 81.9%, "
                        + "r2/final/default: right 40.0% of 20, 95% interval 21.9% to 61.3%");
        page.evaluate("document.getElementById('axis-time').click()");
        page.evaluate("document.querySelector('#lambda .reader').focus()");
        page.press("Home");
        await().atMost(SOON)
                .until(() -> page.evaluate("document.activeElement.getAttribute('aria-valuetext')")
                        .equals("0 seconds, lambda 3.5, r2/final/default 9.5"));
        page.press("End"); // behind the end of the other one
        assertThat(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
                .endsWith(" seconds, lambda 2.5");
        page.evaluate("document.activeElement.blur()");
        assertThat(page.evaluate("location.hash")).contains("with=r2%2Ffinal%2Fdefault", "axis=time");
        page.evaluate(
                "const s = document.getElementById('smooth'); s.value = 0.5;" + " s.dispatchEvent(new Event('input'))");
        assertThat(text(page, "#loss .keys span")).isEqualTo("each step|smoothed|r2/final/default");
        assertThat(page.evaluate("location.hash")).contains("smooth=0.5");
        assertThat(page.evaluate("document.querySelector('#answers a').hash")).contains("smooth=0.5");

        // A search leaves the chosen row; titles sort.
        page.evaluate("const q = document.getElementById('runs-search'); q.value = 'R2';"
                + " q.dispatchEvent(new Event('input'))");
        assertThat(page.evaluate("document.querySelectorAll('#runs tbody tr').length"))
                .isEqualTo("2");
        page.evaluate("q.value = 'none such'; q.dispatchEvent(new Event('input'))");
        assertThat(text(page, "#runs td:first-child a")).isEqualTo("r1");
        page.evaluate("q.value = ''; q.dispatchEvent(new Event('input'))");
        page.evaluate("document.querySelector('#runs th button').click()");
        assertThat(text(page, "#runs td:first-child a")).isEqualTo("r1|r2");
        page.evaluate("document.querySelector('#runs th button').click()");
        assertThat(text(page, "#runs td:first-child a")).isEqualTo("r2|r1");
        assertThat(page.evaluate("document.querySelector('#runs th').getAttribute('aria-sort')"))
                .isEqualTo("descending");
        assertThat(page.evaluate("location.hash")).contains("sort=-run").doesNotContain("search=");
        page.evaluate("[...document.querySelectorAll('#runs th button')].at(-1).click()");
        page.evaluate("location.hash = ''");
        await().atMost(SOON)
                .until(() -> page.evaluate("document.getElementById('compared').hidden")
                        .equals("true"));
        assertThat(page.evaluate("document.querySelectorAll('.laid').length + ' '"
                        + " + document.getElementById('spectrum-other').hidden"))
                .isEqualTo("0 true");
    }

    @Test
    void shouldSayWhatIsNotThereYet() throws Exception {
        try (Monitor monitor = Monitor.start(connection, 0);
                Chromium page = chromium("empty")) {
            page.open(monitor.address());
            await().atMost(START).until(() -> text(page, "#problem").startsWith("Topics missing: "));
            TopicAdmin.createMissing(connection);
            await().atMost(START)
                    .until(() -> page.evaluate("document.getElementById('problem').hidden")
                            .equals("true"));
            assertThat(text(page, ".empty:not([hidden])"))
                    .contains("There is no run on the topics yet", "Nothing is folded yet", "No answer has a label")
                    .contains("No question has been answered yet", "None: every record could be used");
            page.open(monitor.address().resolve("#run=r2"));
            await().atMost(SEEN)
                    .until(() ->
                            text(page, "#problem").equals("There is no run 'r2' on the topics, there is none yet."));
            run.description();
            await().atMost(SEEN)
                    .until(() -> text(page, "#problem").equals("There is no run 'r2' on the topics, there are: r1."));
            page.evaluate("document.querySelector('#runs td a').click()");
            await().atMost(SEEN).until(() -> text(page, "#title").equals("r1"));
            assertThat(fact(page, "Effective parameters")).isEqualTo("–");
            assertThat(page.evaluate("document.getElementById('problem').hidden"))
                    .isEqualTo("true");
            shouldHoldNoStreamWhileNobodySeesIt(page);
            shouldSayThatTooManyPagesAreOpen(page, monitor);
            shouldBeClean(page, monitor.address());
        }
    }

    private void shouldHoldNoStreamWhileNobodySeesIt(Chromium page) {
        page.evaluate("window.endings = 0; window.end = EventSource.prototype.close;"
                + " EventSource.prototype.close = function() { window.endings++; window.end.call(this); }");
        page.evaluate("window.see = seen => { Object.defineProperty(document, 'hidden', {configurable: true,"
                + " get: () => !seen}); document.dispatchEvent(new Event('visibilitychange')); }");
        page.evaluate("see(false)");
        assertThat(page.evaluate("window.endings")).isEqualTo("1");
        long before = page.requests().stream()
                .filter(asked -> asked.contains("/events?"))
                .count();
        run.step(1, 0.125);
        for (String choice : List.of("axis=time", "checkpoint=final", "axis=time")) { // nor where something is chosen
            page.evaluate("location.hash = 'run=r1&" + choice + "'");
            await().atMost(SOON)
                    .until(() -> page.evaluate("document.getElementById('axis-time').checked + ''")
                            .equals(Boolean.toString(choice.startsWith("axis"))));
        }
        page.evaluate("see(true)");
        await().atMost(SOON).until(() -> "0.125 nats".equals(fact(page, "Loss")));
        assertThat(page.requests().stream()
                        .filter(asked -> asked.contains("/events?"))
                        .count())
                .isEqualTo(before + 1);
    }

    private static void shouldSayThatTooManyPagesAreOpen(Chromium page, Monitor monitor) throws Exception {
        int port = monitor.address().getPort();
        List<Socket> others = new ArrayList<>();
        try {
            for (int i = 0; i < 32; i++) {
                Socket other = new Socket(InetAddress.getLoopbackAddress(), port);
                others.add(other);
                other.getOutputStream()
                        .write(("GET /events HTTP/1.1\r\nHost: localhost:" + port + "\r\n\r\n")
                                .getBytes(StandardCharsets.UTF_8));
            }
            await().atMost(SOON)
                    .until(() -> text(page, "#connection").equals("not live: more than 32 pages are open go on here"));
        } finally {
            for (Socket other : others) {
                other.close();
            }
        }
        page.evaluate("document.querySelector('#connection button').click()");
        await().atMost(SOON).until(() -> text(page, "#connection").equals("live"));
    }

    @Test
    void shouldSayThatKafkaDoesNotAnswer() throws Exception {
        try (Chromium page = chromium("lost")) {
            try (Monitor monitor = Monitor.start(Connection.to("127.0.0.1:1", "mock://nobody"), 0)) {
                page.open(monitor.address());
                await().atMost(START)
                        .until(() -> text(page, "#problem").startsWith("Kafka at 127.0.0.1:1 does not answer."));
                assertThat(text(page, "#connection")).isEqualTo("not live");
                shouldBeClean(page, monitor.address());
            }
            // Nor does the monitor, then.
            await().atMost(SOON)
                    .until(() -> text(page, "#connection")
                            .matches("the monitor does not answer, trying again; away for \\d+ s"));
        }
    }

    @Test
    void shouldSayThatTheBrokerHasGoneAndGoOnWhenItIsBack() throws Exception {
        Path topics = dir.resolve("cluster");
        Cluster cluster = Cluster.start(topics, 0, 0);
        Connection here = cluster.connection();
        TopicAdmin.createMissing(here);
        PlantedRun planted = new PlantedRun(here, "r1");
        planted.description();
        planted.step(1, 0.5);
        try (Monitor monitor = Monitor.start(here, 0);
                Chromium page = chromium("gone")) {
            page.open(monitor.address());
            await().atMost(START).until(() -> text(page, "#connection").equals("live"));
            assertThat(fact(page, "Loss")).isEqualTo("0.5 nats");
            cluster.close();
            await().atMost(START).until(() -> text(page, "#connection").equals("not live"));
            assertThat(text(page, "#problem")).startsWith("Kafka at " + here.bootstrapServers() + " does not answer.");
            assertThat(fact(page, "Loss")).isEqualTo("0.5 nats"); // what was known stays to be seen
            assertThat(text(page, "#away")).matches(" Away for \\d+ s\\.");

            cluster = Cluster.start(
                    topics,
                    port(here.bootstrapServers()),
                    URI.create(here.schemaRegistry()).getPort());
            planted.step(2, 0.25);
            await().atMost(START).until(() -> "0.25 nats".equals(fact(page, "Loss")));
            await().atMost(START).until(() -> text(page, "#connection").equals("live"));
            assertThat(page.evaluate("document.getElementById('problem').hidden"))
                    .isEqualTo("true");
            assertThat(text(page, "#away")).isEmpty();
            shouldBeClean(page, monitor.address());
        } finally {
            cluster.close();
        }
    }

    private static int port(String bootstrapServers) {
        return Integer.parseInt(bootstrapServers.substring(bootstrapServers.lastIndexOf(':') + 1));
    }

    @Test
    void shouldServeNobodyWhoCallsItByAnotherName() throws Exception {
        try (Monitor monitor = Monitor.start(connection, 0)) {
            int port = monitor.address().getPort();
            assertThat(first(port, "GET / HTTP/1.1", "Host: 127.0.0.1:" + port)).contains(" 200 ");
            assertThat(first(port, "GET / HTTP/1.1", "Host: localhost:" + port)).contains(" 200 ");
            assertThat(first(port, "GET / HTTP/1.1", "Host: evil.example:" + port))
                    .contains(" 403 ");
            assertThat(first(port, "GET /events HTTP/1.1", "Host: evil.example"))
                    .contains(" 403 ");
            for (String method : List.of("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")) {
                assertThat(first(port, method + " / HTTP/1.1", "Host: 127.0.0.1:" + port))
                        .contains(" 405 ", "Allow: GET, HEAD");
            }
            assertThat(first(port, "GET /../index.html HTTP/1.1", "Host: 127.0.0.1:" + port))
                    .contains(" 404 ");
            assertThat(first(port, "HEAD /monitor.js HTTP/1.1", "Host: 127.0.0.1:" + port))
                    .contains(" 200 ");
            // A page of another site may lead here, but read nothing and hold nothing.
            assertThat(first(
                            port, "GET /events HTTP/1.1", "Host: 127.0.0.1:" + port + "\r\nSec-Fetch-Site: cross-site"))
                    .contains(" 403 ");
            assertThat(first(
                            port,
                            "GET / HTTP/1.1",
                            "Host: 127.0.0.1:" + port + "\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate"))
                    .contains(" 200 ");
            // No topic but those of dead letters can be asked for.
            assertThat(first(
                            port,
                            "GET /letter?topic=calibrant.labels&partition=0&offset=0 HTTP/1.1",
                            "Host: 127.0.0.1:" + port))
                    .contains(" 404 ");
            assertThat(first(port, "GET /letter?partition=0&offset=0 HTTP/1.1", "Host: 127.0.0.1:" + port))
                    .contains(" 404 ");
            assertThat(first(port, "GET /answer?partition=x HTTP/1.1", "Host: 127.0.0.1:" + port))
                    .contains(" 400 ");
        }
    }

    /** The head of a response, which has the headers that every response has. */
    private static String first(int port, String request, String host) throws Exception {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream()
                    .write((request + "\r\n" + host + "\r\nContent-Length: 0\r\n\r\n")
                            .getBytes(StandardCharsets.UTF_8));
            StringBuilder head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                head.append((char) socket.getInputStream().read());
            }
            assertThat(head.toString().toLowerCase(Locale.ROOT))
                    .as(request)
                    .contains("x-content-type-options: nosniff", "x-frame-options: deny", "cache-control: no-store")
                    .contains("referrer-policy: no-referrer", "cross-origin-resource-policy: same-origin")
                    .contains(
                            "content-security-policy: default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'");
            return head.toString();
        }
    }

    @Test
    void shouldWorkBehindAProxyWithAPath() throws Exception {
        TopicAdmin.createMissing(connection);
        run.description();
        run.step(1, 0.5);
        answer("q1", 0.75, 0.875, 0.3125);
        MonitorSettings settings =
                new MonitorSettings(0, "/calibrant", HostNames.of("--allowed-hosts", List.of("calibrant.example.org")));
        try (Monitor monitor = Monitor.start(connection, settings, line -> {});
                Chromium page = chromium("proxy")) {
            for (boolean strips : new boolean[] {true, false}) {
                try (PathProxy proxy =
                        new PathProxy(monitor.address().getPort(), "/calibrant", strips, "calibrant.example.org")) {
                    // Without a slash at the end: the proxy answers for it, or the page sends the browser on.
                    page.open(proxy.address().resolve("/calibrant"));
                    await().atMost(START).until(() -> text(page, "#connection").equals("live"));
                    assertThat(fact(page, "Loss")).isEqualTo("0.5 nats");
                    page.evaluate("document.querySelector('#answers a').click()");
                    await().atMost(START)
                            .until(() -> text(page, "#opened-title").equals("Answer to q1"));
                    assertThat(page.evaluate("location.pathname")).isIn("/calibrant", "/calibrant/");
                    assertThat(page.evaluate("document.getElementById('link').pathname"))
                            .isEqualTo(page.evaluate("location.pathname"));
                    assertThat(page.complaints()).isEmpty();
                    assertThat(page.requests()).allMatch(asked -> asked.matches("(http://[^/]+/calibrant|data:).*"));
                    page.evaluate("document.getElementById('opened').close()");
                    if (!strips) {
                        shouldNoticeAStreamThatSaysNothing(page, proxy);
                        shouldComeBackAfterARestart(page, proxy, monitor, settings);
                    }
                }
            }
            assertThat(monitor.address().getPath()).isEqualTo("/calibrant/");
        }
    }

    /** A connection that is half open, or a proxy that keeps everything back, ends nothing. */
    private void shouldNoticeAStreamThatSaysNothing(Chromium page, PathProxy proxy) {
        proxy.hold(true);
        page.evaluate("const before = performance.now.bind(performance); performance.now = () => before() + 16_000");
        await().atMost(SOON)
                .until(() -> text(page, "#connection")
                        .matches("the monitor does not answer, trying again; away for \\d+ s"));
        proxy.hold(false);
        run.step(2, 0.25);
        await().atMost(SOON).until(() -> text(page, "#connection").equals("live"));
        await().atMost(SOON).until(() -> fact(page, "Loss").equals("0.25 nats"));
    }

    /** The error of a proxy ends an EventSource for good. */
    private void shouldComeBackAfterARestart(
            Chromium page, PathProxy proxy, Monitor monitor, MonitorSettings settings) {
        page.evaluate("const at = performance.now(); performance.now = () => at"); // not by its silence
        monitor.close();
        await().atMost(SOON).until(() -> proxy.refused() > 0);
        assertThat(text(page, "#connection")).startsWith("the monitor does not answer, trying again");
        try (Monitor next = Monitor.start(connection, settings, line -> {})) {
            proxy.passTo(next.address().getPort());
            await().atMost(SOON).until(() -> text(page, "#connection").equals("live"));
            run.step(3, 0.125);
            await().atMost(SOON).until(() -> fact(page, "Loss").equals("0.125 nats"));
        }
    }

    @Test
    void shouldSuggestAnotherPort() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Ran ran = Ran.calibrant(
                    Map.of(
                            "CALIBRANT_BOOTSTRAP_SERVERS", connection.bootstrapServers(),
                            "CALIBRANT_SCHEMA_REGISTRY_URL", connection.schemaRegistry()),
                    "monitor",
                    "--port",
                    Integer.toString(taken.getLocalPort()));
            assertThat(ran.code()).isEqualTo(1);
            assertThat(ran.out()).isEmpty();
            assertThat(ran.err())
                    .matches("calibrant monitor: --port: port " + taken.getLocalPort()
                            + " cannot be used \\(.+\\); \\d+ is free\n");
        }
    }

    private static String percents() {
        List<String> percents = new ArrayList<>();
        for (int i = 0; i < PlantedRun.BLOCKS.size(); i++) {
            percents.add(Long.toString(Math.round(100 * PlantedRun.energy(i))));
        }
        return String.join("|", percents);
    }

    private void answer(String id, double confidence, double map, double novelty) {
        run.send(
                connection.topics().answers(),
                id,
                Answer.class,
                answer(id, List.of(confidence, 1 - confidence), List.of(map, 1 - map))
                        .setNovelty(novelty)
                        .build());
    }

    private static Answer.Builder answer(String id, List<Double> served, List<Double> map) {
        return Answer.newBuilder()
                .setQuestionId(id)
                .setRunId("r1")
                .setCheckpoint("final")
                .setFit("default")
                .setPosteriorVersion(4)
                .setPurpose(Purpose.ANSWER)
                .setLabels(List.of("A", "B"))
                .setProbabilities(served)
                .setMapProbabilities(map)
                .setCalibration(Calibration.EVIDENCE)
                .setContrastMean(List.of(1.0))
                .setContrastCovariance(List.of(List.of(1.0)))
                .setEntropy(0.5)
                .setExpectedEntropy(0.4)
                .setMutualInformation(0.1)
                .setNovelty(0.5);
    }

    private void question(String id, String stem) {
        run.send(
                connection.topics().questions(),
                Keys.question("r1", id),
                Question.class,
                Question.newBuilder()
                        .setQuestionId(id)
                        .setRun("r1")
                        .setStem(stem)
                        .setChoices(List.of(new Choice("A", "first"), new Choice("B", "second")))
                        .build());
    }

    private static MethodMetrics metrics(long n, double accuracy, double nll, double ece) {
        List<ReliabilityBin> bins = new ArrayList<>();
        for (int i = 0; i < 15; i++) {
            bins.add(i == 14 ? new ReliabilityBin(n, 0.96, accuracy) : new ReliabilityBin(0L, 0.0, 0.0));
        }
        return MethodMetrics.newBuilder()
                .setN(n)
                .setAccuracy(accuracy)
                .setNll(nll)
                .setBrier(0.4)
                .setEce10(ece)
                .setEce15(ece)
                .setBins(bins)
                .build();
    }

    private void calibration(MethodMetrics map, MethodMetrics calibrated) {
        accuracyOfAnHour(map, calibrated, 0);
        total("r1", map, calibrated, null);
    }

    private void total(String of, MethodMetrics map, MethodMetrics calibrated, SequentialAlarm familiarity) {
        run.send(
                connection.topics().calibration(),
                Keys.calibration(of, "final", "default", "total"),
                CalibrationMetrics.class,
                CalibrationMetrics.newBuilder()
                        .setRunId(of)
                        .setCheckpoint("final")
                        .setFit("default")
                        .setWindow("total")
                        .setN(map.getN())
                        .setMap(map)
                        .setCalibrated(calibrated)
                        .setTimestamp(Instant.ofEpochMilli(2_000_000))
                        .setFamiliarityAlarm(familiarity)
                        .build());
    }

    private void accuracyOfAnHour(MethodMetrics map, MethodMetrics calibrated, long unfamiliar) {
        run.send(
                connection.topics().calibration(),
                Keys.calibration("r1", "final", "default", "3600000"),
                CalibrationMetrics.class,
                CalibrationMetrics.newBuilder()
                        .setRunId("r1")
                        .setCheckpoint("final")
                        .setFit("default")
                        .setWindow("3600000")
                        .setWindowStart(Instant.ofEpochMilli(3_600_000))
                        .setN(40)
                        .setMap(map)
                        .setCalibrated(calibrated)
                        .setAccuracy(EstimatedAccuracy.newBuilder()
                                .setAnswers(50)
                                .setLabels(40)
                                .setWithoutLabels(new EstimatedShare(0.75, 0.7, 0.8))
                                .setRealised(0.5)
                                .setJudged(50)
                                .setUnfamiliar(unfamiliar)
                                .setHolds(unfamiliar == 0)
                                .build())
                        .build());
    }

    private void deadLetter() throws Exception {
        deadLetter("r1/final/x", "no such block " + MARKUP, "\u0001");
    }

    private void deadLetter(String key, String reason, String value) throws Exception {
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            ProducerRecord<String, byte[]> record = new ProducerRecord<>(
                    connection.topics().fitterDeadLetters(), key, value.getBytes(StandardCharsets.UTF_8));
            record.headers()
                    .add("sasl.password", "hunter2".getBytes(StandardCharsets.UTF_8))
                    .add("__streams.errors.topic", "statistics".getBytes(StandardCharsets.UTF_8))
                    .add("__streams.errors.message", reason.getBytes(StandardCharsets.UTF_8));
            producer.send(record).get();
        }
    }
}
