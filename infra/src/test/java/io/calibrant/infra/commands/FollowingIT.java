package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.cluster.Broker;
import io.calibrant.cluster.Registry;
import io.calibrant.infra.demo.DemoFiles;
import io.calibrant.infra.live.PlantedRun;
import io.calibrant.infra.telemetry.Exposition;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.LikeConfluents;
import io.calibrant.testing.NewerSchema;
import io.calibrant.testing.Relay;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands that follow topics, each a process, while the registry is away, and then the broker. */
class FollowingIT {
    private static final Duration OUTAGE = Duration.ofSeconds(Long.getLong("calibrant.outage.seconds", 5));

    /** Until a process has started, or is through an outage. */
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    @TempDir
    private Path dir;

    private final Map<String, ChildJvm> commands = new LinkedHashMap<>();
    private final HttpClient http = HttpClient.newHttpClient();
    private Broker broker;
    private Registry registry;
    private Relay relay;
    private Connection direct;

    @BeforeEach
    void up() {
        registry = Registry.start(dir.resolve("registry"), 0);
        broker = Broker.start(dir.resolve("broker"), 0);
        registry.awaitReady();
        relay = Relay.to(registry.url());
        direct = Connection.to(broker.bootstrapServers(), registry.url());
        TopicAdmin.createMissing(direct);
    }

    @AfterEach
    void down() {
        commands.values().forEach(ChildJvm::close);
        relay.close();
        broker.close();
        registry.close();
    }

    private void start(String command, String... arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of(command));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--bootstrap-server", broker.bootstrapServers(), "--schema-registry", relay.url()));
        commands.put(command, ChildJvm.calibrant(dir.resolve(command + ".log"), all.toArray(String[]::new)));
    }

    private String printed(String command) {
        return commands.get(command).printed();
    }

    private void awaitPrinted(String command, String text) {
        await("'" + text + "' of " + command)
                .atMost(PATIENCE)
                .untilAsserted(() -> assertThat(printed(command)).contains(text));
    }

    private void shouldHaveSaidOnce(String text) {
        commands.forEach((name, command) -> {
            assertThat(command.isAlive()).as(name + ": " + command.printed()).isTrue();
            assertThat(command.printed().lines().filter(line -> line.contains(text)))
                    .as(name + ": " + command.printed())
                    .hasSize(1);
        });
    }

    private void awaitSaid(String text) {
        commands.keySet().forEach(name -> awaitPrinted(name, text));
        // Not a wait for something to happen: nothing more may be said while it lasts.
        await("the outage").pollDelay(OUTAGE).atMost(OUTAGE.plusSeconds(5)).until(() -> true);
        shouldHaveSaidOnce(text);
    }

    private static Answer answer(String id) {
        return Answer.newBuilder()
                .setQuestionId(id)
                .setRunId("r1")
                .setCheckpoint("final")
                .setFit("default")
                .setPosteriorVersion(3)
                .setLabels(List.of("A", "B"))
                .setProbabilities(List.of(0.25, 0.75))
                .setMapProbabilities(List.of(0.1, 0.9))
                .setCalibration(Calibration.EVIDENCE)
                .setContrastMean(List.of(-2.0))
                .setContrastCovariance(List.of(List.of(1.0)))
                .setEntropy(0.5)
                .setExpectedEntropy(0.4)
                .setMutualInformation(0.1)
                .setNovelty(0.5)
                .build();
    }

    private void answered(String id, String field) throws Exception {
        NewerSchema.send(direct, direct.topics().answers(), id, Answer.class, answer(id), field);
    }

    /** What a page of the monitor receives when it opens. */
    private String page() throws IOException {
        String address = printed("monitor").lines().findFirst().orElseThrow();
        try (InputStream events = URI.create(address + "events").toURL().openStream()) {
            StringBuilder told = new StringBuilder();
            byte[] part = new byte[4096];
            for (int n = events.read(part); n > 0; n = events.read(part)) {
                told.append(new String(part, 0, n, StandardCharsets.UTF_8));
                int last = told.indexOf("event: status");
                if (last >= 0 && told.indexOf("\n\n", last) >= 0) {
                    break;
                }
            }
            return told.toString();
        }
    }

    /** Whether a service says that it is ready. */
    private String health(String service) throws Exception {
        assertThat(commands.get(service).isAlive()).as(printed(service)).isTrue();
        HttpResponse<String> response = get(service, "/health/ready");
        return response.statusCode() + " " + response.body().strip();
    }

    private Exposition metrics() throws Exception {
        return Exposition.read(get("fit", "/metrics").body());
    }

    private HttpResponse<String> get(String service, String path) throws Exception {
        String address = printed(service).replaceFirst("(?s).*metrics at (\\S+).*", "$1");
        return http.send(
                HttpRequest.newBuilder(URI.create(address).resolve(path)).build(),
                HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void shouldOutliveARegistryAndABrokerThatAreAway() throws Exception {
        PlantedRun run = new PlantedRun(direct, "r1");
        run.description();
        run.step(1, 0.5);
        run.posterior(3, 3.5, -41);
        Path questions = Files.writeString(dir.resolve("questions.jsonl"), question("q1") + question("q2"));
        Path settings = Files.writeString(
                dir.resolve("client.properties"),
                Connection.DESERIALIZER + "=" + LikeConfluents.class.getName() + "\n");
        start("watch", "--run", "r1", "--jsonl");
        start("monitor", "--port", "0");
        start("answers", "--from-beginning", "--json");
        start(
                "evaluate",
                "--run",
                "r1",
                "--questions",
                questions.toString(),
                "--command-config",
                settings.toString(),
                "--json");
        run.send(direct.topics().answers(), "q0", Answer.class, answer("q0"));
        awaitPrinted("watch", "\"lambda\":3.5");
        awaitPrinted("answers", "\"q0\"");
        await("the page").atMost(PATIENCE).ignoreExceptions().until(() -> page().contains("0.5"));
        await("the questions")
                .atMost(PATIENCE)
                .until(() -> CommittedRecords.raw(direct, direct.topics().questions())
                                .size()
                        == 2);

        // The registry goes; what comes then has schemas that nobody has asked for yet.
        relay.cut();
        run.fold(4);
        answered("q1", "first");
        awaitSaid("registry " + relay.url() + " cannot be ");
        assertThat(page()).contains("\"run\":\"r1\"", relay.url()); // what was known stays to be seen
        relay.restore();
        awaitPrinted("watch", "\"update\":\"factors\"");
        awaitPrinted("answers", "\"q1\"");
        commands.keySet().forEach(name -> awaitPrinted(name, "registry " + relay.url() + " answers again"));
        shouldHaveSaidOnce("registry " + relay.url() + " answers again");

        // The broker goes; who reads in a group waits for it in silence, its command does not.
        start("fit", "--state-dir", dir.resolve("fitter").toString(), "--metrics-port", "0");
        start(
                "score",
                "--run",
                "r1",
                "--model",
                DemoFiles.unpack(dir.resolve("demo")).model().toString(),
                "--metrics-port",
                "0");
        awaitPrinted("fit", "until interrupted");
        assertThat(health("fit")).isEqualTo("200 UP");
        awaitPrinted("score", "metrics at ");
        await("the scorer, for a run of which nothing is trained")
                .atMost(PATIENCE)
                .untilAsserted(() -> assertThat(health("score")).isEqualTo("503 DOWN no-posterior"));
        await("what the topics hold")
                .atMost(PATIENCE)
                .until(() ->
                        metrics().of("calibrant_fitter_lag_records").stream().anyMatch(lag -> lag.value() == 0));
        assertThat(metrics().names()).contains("kafka_stream_thread_commit_total", "jvm_memory_used_bytes");
        int port = URI.create("tcp://" + broker.bootstrapServers()).getPort();
        broker.close();
        try {
            awaitSaid("Kafka at " + broker.bootstrapServers() + " does not answer");
            assertThat(page()).contains("\"run\":\"r1\"", broker.bootstrapServers());
            assertThat(health("fit")).isEqualTo("503 DOWN waiting-for-kafka");
            assertThat(health("score")).isEqualTo("503 DOWN waiting-for-kafka");
            Exposition away = metrics();
            assertThat(away.of("calibrant_ready"))
                    .extracting(Exposition.Sample::value)
                    .containsExactly(0.0);
            assertThat(away.names()).doesNotContain("calibrant_fitter_lag_records"); // nobody can know it
        } finally {
            broker = Broker.start(dir.resolve("broker"), port);
        }
        run.posterior(5, 2.25, -39);
        commands.keySet()
                .forEach(name -> awaitPrinted(name, "Kafka at " + broker.bootstrapServers() + " answers again"));
        shouldHaveSaidOnce("Kafka at " + broker.bootstrapServers() + " answers again");
        // On a loaded machine a connection may fail; a fitter that has ended is no such failure.
        await("the fitter")
                .atMost(PATIENCE)
                .ignoreExceptionsInstanceOf(IOException.class)
                .until(() -> health("fit").equals("200 UP") && health("score").equals("503 DOWN no-posterior"));
        answered("q2", "second");
        awaitPrinted("watch", "\"lambda\":2.25");
        awaitPrinted("answers", "\"q2\"");
        await("the page").atMost(PATIENCE).until(() -> page().contains("2.25"));

        // Both answers counted, that of the outage, too.
        ChildJvm evaluate = commands.get("evaluate");
        await("the evaluation").atMost(PATIENCE).until(() -> !evaluate.isAlive());
        assertThat(evaluate.exitCode()).as(evaluate.printed()).isZero();
        assertThat(evaluate.printed()).contains("2 questions answered");
    }

    private static String question(String id) {
        return "{\"id\": \"" + id + "\", \"question\": \"Which?\", \"choices\": [{\"label\": \"A\", \"text\": \"one\"},"
                + " {\"label\": \"B\", \"text\": \"two\"}], \"answer\": \"B\"}\n";
    }
}
