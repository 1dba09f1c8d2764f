package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.cluster.Cluster;
import io.calibrant.infra.live.PlantedRun;
import io.calibrant.infra.monitor.Chromium;
import io.calibrant.infra.monitor.Monitor;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.ReliabilityBin;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

            assertThat(text(page, "#runs td"))
                    .isEqualTo("r1 tiny-llama|final|default|LIVE|4 of 10|4|prior: evidence only");
            assertThat(fact(page, "Loss")).isEqualTo("0.25");
            assertThat(fact(page, "Learning rate")).isEqualTo("5.000e-5");
            assertThat(fact(page, "Lambda")).isEqualTo("2.5");
            assertThat(fact(page, "Log evidence")).isEqualTo("-40");
            assertThat(fact(page, "Effective parameters")).isEqualTo("12.5 of 1664");
            assertThat(fact(page, "Coverage")).isEqualTo("4 of 10 batches");
            assertThat(fact(page, "Lag")).isEqualTo("0.0 s");
            assertThat(text(page, "#heat button")).isEqualTo(percents());
            assertThat(text(page, "#block-name")).endsWith(PlantedRun.BLOCKS.get(0));
            assertThat(page.evaluate("document.querySelector('#spectrum [role=img]').getAttribute('aria-label')"))
                    .isEqualTo("Eigenvalues now: 32, 16, 4");
            // Axes are drawn on a canvas: uPlot is there and has drawn every chart.
            assertThat(page.evaluate("document.querySelectorAll('.uplot canvas').length"))
                    .isEqualTo("8");
            assertThat(text(page, "#reliability-map p")).isEqualTo("n 40, right 70.0%, ECE 0.21, NLL 0.6");
            assertThat(text(page, "#reliability-calibrated p")).isEqualTo("n 40, right 70.0%, ECE 0.03, NLL 0.5");
            assertThat(text(page, "#reliability-calibrated td")).endsWith("|14|0|0|0|15|40|0.96|0.7");
            assertThat(page.evaluate("document.getElementById('reliability-temperature') === null"))
                    .isEqualTo("true");
            assertThat(text(page, "#answers td")).isEqualTo("q1|A|75.0%|87.5%|0.3125|final/default 4");
            assertThat(fact(page, "Its version")).isEqualTo("4");
            assertThat(page.evaluate("document.querySelector('#scatter circle').getAttribute('cx')"))
                    .isEqualTo("180");
            // What comes from a topic is text.
            assertThat(text(page, "#letters td")).contains("statistics|r1/final/x|no such block " + MARKUP);
            assertThat(page.evaluate("document.querySelectorAll('img').length")).isEqualTo("0");
            assertThat(page.evaluate("document.title")).isEqualTo("r1 – Calibrant monitor");

            // A change is there within 2 s.
            run.fold(5);
            run.posterior(5, 1.5, -39);
            await().atMost(SEEN).until(() -> fact(page, "Lambda").equals("1.5"));
            await().atMost(SEEN).until(() -> fact(page, "Coverage").equals("5 of 10 batches"));
            answer("q2", 0.5, 0.625, 0.5);
            await().atMost(SEEN).until(() -> text(page, "#answers td").startsWith("q2|A|50.0%|62.5%|0.5|"));

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

            // Another monitor, later, and a page of it: the same history.
            try (Monitor second = Monitor.start(connection, 0);
                    Chromium late = chromium("late")) {
                late.open(second.address());
                await().atMost(START)
                        .untilAsserted(() -> assertThat(
                                        text(late, "#runs, #figures, #heat, #diagrams, #answers, #letters"))
                                .isEqualTo(text(page, "#runs, #figures, #heat, #diagrams, #answers, #letters")));
                shouldBeClean(late, second.address());
            }
            shouldBeClean(page, monitor.address());
        }
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
            page.evaluate("document.querySelector('#runs button').click()");
            await().atMost(SEEN).until(() -> text(page, "#title").equals("r1"));
            assertThat(page.evaluate("document.getElementById('problem').hidden"))
                    .isEqualTo("true");
            shouldBeClean(page, monitor.address());
        }
    }

    @Test
    void shouldSayThatKafkaDoesNotAnswer() throws Exception {
        try (Monitor monitor = Monitor.start(Connection.to("127.0.0.1:1", "mock://nobody"), 0);
                Chromium page = chromium("lost")) {
            page.open(monitor.address());
            await().atMost(START)
                    .until(() -> text(page, "#problem").startsWith("Kafka at 127.0.0.1:1 does not answer."));
            assertThat(text(page, "#connection")).isEqualTo("not live");
            shouldBeClean(page, monitor.address());
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
            assertThat(fact(page, "Loss")).isEqualTo("0.5");
            cluster.close();
            await().atMost(START).until(() -> text(page, "#connection").equals("not live"));
            assertThat(text(page, "#problem")).startsWith("Kafka at " + here.bootstrapServers() + " does not answer.");
            assertThat(fact(page, "Loss")).isEqualTo("0.5"); // what was known stays to be seen

            cluster = Cluster.start(
                    topics,
                    port(here.bootstrapServers()),
                    URI.create(here.schemaRegistry()).getPort());
            planted.step(2, 0.25);
            await().atMost(START).until(() -> "0.25".equals(fact(page, "Loss")));
            await().atMost(START).until(() -> text(page, "#connection").equals("live"));
            assertThat(page.evaluate("document.getElementById('problem').hidden"))
                    .isEqualTo("true");
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
            assertThat(first(port, "POST / HTTP/1.1", "Host: 127.0.0.1:" + port))
                    .contains(" 405 ");
            assertThat(first(port, "GET /../index.html HTTP/1.1", "Host: 127.0.0.1:" + port))
                    .contains(" 404 ");
        }
    }

    private static String first(int port, String request, String host) throws Exception {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream()
                    .write((request + "\r\n" + host + "\r\nContent-Length: 0\r\n\r\n")
                            .getBytes(StandardCharsets.UTF_8));
            byte[] answer = new byte[64];
            int length = socket.getInputStream().readNBytes(answer, 0, 16);
            return new String(answer, 0, length, StandardCharsets.UTF_8);
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
                Answer.newBuilder()
                        .setQuestionId(id)
                        .setRunId("r1")
                        .setCheckpoint("final")
                        .setFit("default")
                        .setPosteriorVersion(4)
                        .setPurpose(Purpose.ANSWER)
                        .setLabels(List.of("A", "B"))
                        .setProbabilities(List.of(confidence, 1 - confidence))
                        .setMapProbabilities(List.of(map, 1 - map))
                        .setCalibration(Calibration.EVIDENCE)
                        .setContrastMean(List.of(1.0))
                        .setContrastCovariance(List.of(List.of(1.0)))
                        .setEntropy(0.5)
                        .setExpectedEntropy(0.4)
                        .setMutualInformation(0.1)
                        .setNovelty(novelty)
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
        run.send(
                connection.topics().calibration(),
                Keys.calibration("r1", "final", "default", "total"),
                CalibrationMetrics.class,
                CalibrationMetrics.newBuilder()
                        .setRunId("r1")
                        .setCheckpoint("final")
                        .setFit("default")
                        .setWindow("total")
                        .setN(40)
                        .setMap(map)
                        .setCalibrated(calibrated)
                        .setTimestamp(Instant.ofEpochMilli(2_000_000))
                        .build());
    }

    private void deadLetter() throws Exception {
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            ProducerRecord<String, byte[]> record =
                    new ProducerRecord<>(connection.topics().fitterDeadLetters(), "r1/final/x", new byte[] {1});
            record.headers()
                    .add("__streams.errors.topic", "statistics".getBytes(StandardCharsets.UTF_8))
                    .add("__streams.errors.message", ("no such block " + MARKUP).getBytes(StandardCharsets.UTF_8));
            producer.send(record).get();
        }
    }
}
