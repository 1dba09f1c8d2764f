package io.calibrant.infra.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.service.FitterFigures;
import io.calibrant.fitter.telemetry.FitterMeters;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.telemetry.ScorerMeters;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the server of a service says, and to whom; and which series come and go. */
class TelemetryTest {
    private static final TelemetrySettings ANY_PORT =
            new TelemetrySettings("127.0.0.1", 0, List.of("calibrant.example.org"));

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    @Test
    void shouldSayWhyAServiceIsNotReadyUntilItIs() throws Exception {
        try (Telemetry telemetry = Telemetry.start(ANY_PORT, "fitter", "1", line -> {})) {
            URI address = telemetry.address();
            assertThat(ask(address, "GET", "/health/live", "localhost"))
                    .startsWith("HTTP/1.1 200")
                    .endsWith("UP\n");
            assertThat(ask(address, "GET", "/health/ready", "localhost"))
                    .startsWith("HTTP/1.1 503")
                    .endsWith("DOWN starting\n");
            AtomicReference<Optional<String>> obstacle = new AtomicReference<>(Optional.of("restoring"));
            AtomicInteger looks = new AtomicInteger();
            telemetry.serve(obstacle::get, looks::incrementAndGet);
            assertThat(ask(address, "GET", "/health/ready", "localhost")).endsWith("DOWN restoring\n");
            assertThat(ask(address, "GET", "/metrics", "localhost"))
                    .contains("calibrant_ready{service=\"fitter\"} 0.0\n");
            obstacle.set(Optional.empty());
            assertThat(ask(address, "GET", "/health/ready", "localhost"))
                    .startsWith("HTTP/1.1 200")
                    .endsWith("UP\n");
            assertThat(ask(address, "GET", "/metrics", "localhost"))
                    .contains("calibrant_ready{service=\"fitter\"} 1.0\n");
            assertThat(looks).hasValue(2); // only what is shown is looked at
            obstacle.set(Optional.of("waiting-for-kafka"));
            assertThat(obstacles(address)).containsExactly("waiting-for-kafka");
            obstacle.set(Optional.of("restoring"));
            assertThat(obstacles(address)).containsExactly("restoring"); // and no longer the one before
            obstacle.set(Optional.empty());
            assertThat(obstacles(address)).isEmpty();
        }
    }

    private static List<String> obstacles(URI address) throws IOException {
        String answer = ask(address, "GET", "/metrics", "localhost");
        return Exposition.read(answer.substring(answer.indexOf("\r\n\r\n") + 4)).of("calibrant_obstacle").stream()
                .map(sample -> sample.labels().get("reason"))
                .toList();
    }

    /** What ends at once leaves nothing behind that says how it ended. */
    @Test
    void shouldWaitForOneMoreScrapeWhereSomebodyScrapes() throws Exception {
        try (Telemetry telemetry = Telemetry.start(ANY_PORT, "trainer", "1", line -> {})) {
            telemetry.awaitScrape(Duration.ofMinutes(1)); // nobody has asked: at once
            ask(telemetry.address(), "GET", "/metrics", "localhost");
            long begin = System.nanoTime();
            telemetry.awaitScrape(Duration.ofSeconds(1));
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(Duration.ofSeconds(1));
            ask(telemetry.address(), "GET", "/metrics", "localhost");
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch shown = new CountDownLatch(1);
            telemetry.serve(Optional::empty, () -> {
                begun.countDown();
                await(shown);
            });
            Thread before = new Thread(() -> {
                try {
                    ask(telemetry.address(), "GET", "/metrics", "localhost");
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            before.start();
            await(begun);
            CountDownLatch end = new CountDownLatch(1);
            Thread waiting = new Thread(() -> {
                try {
                    telemetry.awaitScrape(Duration.ofMinutes(1));
                    end.countDown();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
            waiting.start();
            while (waiting.getState() != Thread.State.TIMED_WAITING && waiting.isAlive()) {
                Thread.onSpinWait();
            }
            shown.countDown(); // what it shows it had looked at before
            before.join();
            ask(telemetry.address(), "GET", "/health/ready", "localhost");
            while (waiting.getState() == Thread.State.RUNNABLE || waiting.getState() == Thread.State.BLOCKED) {
                Thread.onSpinWait();
            }
            assertThat(end.getCount()).isEqualTo(1);
            ask(telemetry.address(), "GET", "/metrics", "localhost");
            await(end);
            waiting.join();
        }
    }

    /** Not every answer has a temperature: methods are compared on those that all of them are of. */
    @Test
    void shouldTellMethodsOfTheSameAnswers() {
        EveryMeter.fitter(registry);
        Exposition shown = Exposition.read(registry.scrape());
        Map<String, Double> nll = new TreeMap<>();
        shown.of("calibrant_fitter_nll_nats")
                .forEach(sample -> nll.put(
                        sample.labels().get("answers") + " " + sample.labels().get("method"), sample.value()));
        assertThat(nll)
                .isEqualTo(Map.of(
                        "all map", 0.9,
                        "all calibrated", 0.6,
                        "with-temperature map", 0.8,
                        "with-temperature temperature", 0.5,
                        "with-temperature calibrated", 0.4));
    }

    @Test
    void shouldAnswerOnlyToItsNamesAndChangeNothing() throws Exception {
        try (Telemetry telemetry = Telemetry.start(ANY_PORT, "scorer", "1", line -> {})) {
            URI address = telemetry.address();
            assertThat(ask(address, "GET", "/metrics", "evil.example.com"))
                    .startsWith("HTTP/1.1 403")
                    .doesNotContain("calibrant_")
                    .contains("X-content-type-options: nosniff");
            assertThat(ask(address, "GET", "/metrics", "calibrant.example.org:9464"))
                    .startsWith("HTTP/1.1 200")
                    .contains("Content-type: text/plain; version=0.0.4; charset=utf-8")
                    .contains("Cache-control: no-store");
            assertThat(ask(address, "POST", "/metrics", "localhost")).startsWith("HTTP/1.1 405");
            assertThat(ask(address, "GET", "/", "localhost")).startsWith("HTTP/1.1 404");
            assertThat(ask(address, "HEAD", "/metrics", "localhost"))
                    .startsWith("HTTP/1.1 200")
                    .endsWith("\r\n\r\n");
        }
    }

    @Test
    void shouldRefuseAnAddressThatItCannotHave() {
        try (Telemetry telemetry = Telemetry.start(ANY_PORT, "scorer", "1", line -> {})) {
            int port = telemetry.address().getPort();
            assertThatThrownBy(() -> Telemetry.start(
                            new TelemetrySettings("127.0.0.1", port, List.of()), "scorer", "1", line -> {}))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("--metrics-port: port " + port + " of 127.0.0.1 cannot be used (");
        }
        assertThatThrownBy(() -> new TelemetrySettings("127.0.0.1", 65_536, List.of()))
                .isInstanceOf(ConfigurationException.class)
                .hasMessage("--metrics-port must be 0 to 65535, got 65536");
        assertThatThrownBy(() -> new TelemetrySettings("127.0.0.1", 0, List.of("no name")))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("--metrics-allowed-hosts must be");
    }

    @Test
    void shouldShowWhatIsThereWhereALookFailsOrHangs() throws Exception {
        List<String> said = new CopyOnWriteArrayList<>();
        try (Telemetry telemetry = Telemetry.start(ANY_PORT, "fitter", "1", said::add)) {
            URI address = telemetry.address();
            telemetry.serve(Optional::empty, () -> {
                throw new IllegalArgumentException("damaged");
            });
            for (int scrape = 0; scrape < 2; scrape++) {
                assertThat(ask(address, "GET", "/metrics", "localhost"))
                        .startsWith("HTTP/1.1 200")
                        .contains("calibrant_ready{service=\"fitter\"} 1.0\n");
            }
            assertThat(said).singleElement().asString().contains("damaged");

            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch end = new CountDownLatch(1);
            telemetry.serve(Optional::empty, () -> {
                begun.countDown();
                await(end);
            });
            Thread first = new Thread(() -> {
                try {
                    ask(address, "GET", "/metrics", "localhost");
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            first.start();
            await(begun);
            for (int scrape = 0; scrape < 5; scrape++) {
                assertThat(ask(address, "GET", "/metrics", "localhost")).startsWith("HTTP/1.1 200");
            }
            assertThat(ask(address, "GET", "/health/live", "localhost")).startsWith("HTTP/1.1 200");
            end.countDown();
            first.join();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldCountTheWaitOfThoseWhoWait() {
        ScorerMeters meters = EveryMeter.scorer(registry);
        long hourAgo = System.currentTimeMillis() - 3_600_000;
        Answer validation = EveryMeter.answer("all", 0.01);
        validation.setPurpose(Purpose.VALIDATION);
        Answer noise = EveryMeter.answer("all", 0.01);
        noise.setPurpose(Purpose.NOISE);
        meters.committed(new ScorerListener.Committed(
                0,
                0,
                List.of(
                        new ScorerListener.Settled("calibrant.questions", hourAgo, validation, null),
                        new ScorerListener.Settled("calibrant.questions", hourAgo, noise, null),
                        new ScorerListener.Settled("calibrant.questions", hourAgo, null, DeadLetterReason.INVALID))));
        Exposition shown = Exposition.read(registry.scrape());
        assertThat(shown.of("calibrant_scorer_answer_seconds_count"))
                .extracting(Exposition.Sample::value)
                .containsExactly(1.0); // the live one of before
        assertThat(shown.of("calibrant_scorer_unfamiliar_answers_total"))
                .extracting(Exposition.Sample::value)
                .containsExactly(1.0); // the live one of before
        assertThat(shown.of("calibrant_scorer_answers_total", "tier", "all", "outcome", "answered"))
                .extracting(Exposition.Sample::value)
                .containsExactly(2.0);
    }

    /**
     * An outage leaves a thread with another producer of the same name: its metrics must not end with the old one's.
     */
    @Test
    void shouldKeepTheMetricsOfAProducerThatReplacesAnother() {
        ScorerMeters meters = EveryMeter.scorer(registry);
        for (int opened = 0; opened < 2; opened++) {
            KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                    Map.of("bootstrap.servers", "127.0.0.1:1", "client.id", "one"),
                    new ByteArraySerializer(),
                    new ByteArraySerializer());
            meters.opened(producer);
            producer.close(Duration.ZERO);
        }
        assertThat(registry.scrape()).contains("kafka_producer_");
        meters.closing();
        assertThat(registry.scrape()).doesNotContain("kafka_producer_");
    }

    @Test
    void shouldBeginEveryCounterOfDeadLettersAtZero() {
        EveryMeter.fitter(registry);
        Exposition shown = Exposition.read(registry.scrape());
        for (String topic : List.of("statistics", "answers", "labels", "predictive-statistics")) {
            assertThat(shown.of(
                            "calibrant_fitter_dead_letters_total", "topic", "calibrant." + topic, "reason", "failed"))
                    .as(topic)
                    .extracting(Exposition.Sample::value)
                    .containsExactly(0.0);
        }
    }

    @Test
    void shouldEndTheSeriesOfARunThatIsDeleted() {
        FitterMeters meters = EveryMeter.fitter(registry);
        meters.folded("old", 3);
        meters.show(EveryMeter.figures("news", "old"));
        assertThat(registry.scrape()).contains("run=\"news\"").contains("run=\"old\"");

        meters.show(EveryMeter.figures("news"));
        assertThat(registry.scrape()).contains("run=\"news\"").doesNotContain("run=\"old\"");

        // where it does not run, it knows of no posterior, and still of what it has counted
        meters.show(new FitterFigures(false, Set.of(), List.of(), List.of(), List.of(), Map.of()));
        Exposition left = Exposition.read(registry.scrape());
        assertThat(left.of("calibrant_fitter_folds_total", "run", "news")).hasSize(1);
        assertThat(left.names()).doesNotContain("calibrant_fitter_posterior_version", "calibrant_fitter_lag_records");
    }

    @Test
    void shouldCountRunsBeyondAHundredTogether() {
        FitterMeters meters = EveryMeter.fitter(registry);
        for (int run = 0; run < 150; run++) {
            meters.folded("run" + run, 1);
        }
        Exposition shown = Exposition.read(registry.scrape());
        assertThat(shown.of("calibrant_fitter_folds_total")).hasSize(101);
        assertThat(shown.of("calibrant_fitter_folds_total", "run", "(others)"))
                .extracting(Exposition.Sample::value)
                .containsExactly(51.0);
    }

    @Test
    void shouldShowOnlyThePosteriorThatServes() {
        ScorerMeters meters = EveryMeter.scorer(registry);
        meters.show(EveryMeter.figures(false, EveryMeter.posterior("other", 9)), Map.of());
        Exposition shown = Exposition.read(registry.scrape());
        assertThat(shown.of("calibrant_scorer_posterior_version"))
                .singleElement()
                .satisfies(sample -> assertThat(sample.labels()).containsEntry("run", "other"));
        // nobody knows how many wait while none is taken
        assertThat(shown.names()).doesNotContain("calibrant_scorer_questions_waiting", "calibrant_scorer_lag_records");
        assertThat(shown.of("calibrant_scorer_answers_total", "outcome", "answered", "tier", "forward"))
                .extracting(Exposition.Sample::value)
                .containsExactly(1.0);
        assertThat(shown.of("calibrant_scorer_dead_letters_total", "reason", "invalid", "topic", "calibrant.questions"))
                .extracting(Exposition.Sample::value)
                .containsExactly(1.0);
        assertThat(shown.of("calibrant_scorer_unfamiliar_answers_total"))
                .extracting(Exposition.Sample::value)
                .containsExactly(1.0);
    }

    @Test
    void shouldReadMemoryAsTheSystemWritesIt(@TempDir Path dir) throws IOException {
        Path status = Files.writeString(dir.resolve("status"), "Name:\tjava\nVmRSS:\t  2048 kB\nThreads:\t3\n");
        assertThat(new ProcessMemory(status).resident()).isEqualTo(2048 * 1024.0);
        assertThat(new ProcessMemory(status).outsideJava()).isZero();
        assertThat(new ProcessMemory(dir.resolve("none")).resident()).isNaN();
    }

    /** By hand: clients of Java do not let one say which host is meant. */
    private static String ask(URI address, String method, String path, String host) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), address.getPort())) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream()
                    .write((method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
