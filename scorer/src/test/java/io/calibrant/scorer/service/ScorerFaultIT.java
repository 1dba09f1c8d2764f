package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ai.djl.Device;
import io.calibrant.cluster.Broker;
import io.calibrant.cluster.Registry;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.scorer.TinyModel;
import io.calibrant.scorer.TinyRun;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.testing.AccessPage;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.FaultSeeds;
import io.calibrant.testing.GroupMembers;
import io.calibrant.testing.SecuredBroker;
import io.calibrant.testing.SecuredBroker.Listener;
import io.calibrant.testing.SharedCluster;
import io.calibrant.trainer.model.LanguageModel;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Two scorers, processes of their own, of which one is stopped and let go on, and one is killed, mid-stream and while
 * posteriors are swapped. Oracle: each question has exactly one committed answer, and each answer is what the posterior
 * that it states says.
 *
 * <p>The tests run at the same time, each with topics and a group of its own.
 */
@Execution(ExecutionMode.CONCURRENT)
class ScorerFaultIT {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final String SESSION_TIMEOUT = "6000"; // the least that a broker allows

    /** How long the registry is down; profile {@code faults} takes a minute. */
    private static final Duration OUTAGE = Duration.ofSeconds(Long.getLong("calibrant.outage.seconds", 5));

    private static final Path PAGE = Path.of("..", "infra", "docs", "access.md");
    private static final int POINTS = 256;
    private static final List<String> LABELS = List.of("A", "B", "C", "D");

    @TempDir
    private static Path dir;

    private static LanguageModel model;

    private final List<ChildJvm> processes = new ArrayList<>();
    private Connection connection;
    private Admin admin;

    /** Where the scorers come in, and with what. */
    private String address;

    private List<String> settings = List.of();

    @BeforeAll
    static void start() throws Exception {
        TinyModel.write(dir.resolve("model"));
        model = LanguageModel.load(dir.resolve("model"), Device.cpu());
    }

    @AfterAll
    static void stop() {
        model.close();
    }

    @BeforeEach
    void topics(TestInfo test) {
        connection = SharedCluster.connection(test.getTestMethod().orElseThrow().getName());
        TopicAdmin.createMissing(connection);
        admin = Admin.create(connection.admin());
        address = connection.bootstrapServers();
    }

    @AfterEach
    void end() {
        processes.forEach(ChildJvm::close);
        admin.close();
    }

    @Test
    void shouldCommitOneAnswerAQuestionWhoeverIsStoppedOrKilled() throws Exception {
        stopAndKill();
    }

    /** On a broker with TLS, a login and ACLs, with the rights of the page {@code access.md} and no others. */
    @Test
    @EnabledIfSystemProperty(named = FaultSeeds.LENGTH, matches = "full")
    void shouldCommitOneAnswerAQuestionWithNoMoreRightsThanThePageSays() throws Exception {
        admin.close();
        Path home = dir.resolve("secured");
        try (SecuredBroker broker = SecuredBroker.start(home)) {
            connection = broker.operator(connection.schemaRegistry(), connection.topicPrefix());
            TopicAdmin.createMissing(connection);
            admin = Admin.create(connection.admin());
            broker.user("scorer", "pass-of-a-test");
            broker.allow("scorer", AccessPage.rights(PAGE, "score", connection.topicPrefix()));
            address = broker.address(Listener.SECURED);
            settings = List.of(broker.file(
                            home.resolve("client.properties"),
                            Listener.SECURED,
                            broker.settings("scorer", "pass-of-a-test"))
                    .toString());
            stopAndKill();
            processes.forEach(ChildJvm::close);
        }
    }

    private void stopAndKill() throws Exception {
        TinyRun first = new TinyRun(connection, false, LABELS);
        TinyRun second = new TinyRun(connection, TinyRun.RUN, "step-4", "default", false, LABELS);
        Map<Long, TinyRun> runs = Map.of(1L, first, 2L, first, 3L, second, 4L, second);
        Map<Long, Posterior> posteriors = new HashMap<>();
        posteriors.put(1L, first.posterior(1, PosteriorState.COMPLETE, 2).build());
        posteriors.put(
                2L,
                first.posterior(2, PosteriorState.COMPLETE, 2)
                        .setTemperature(2.5)
                        .setCalibration(Calibration.TEMPERATURE)
                        .build());
        posteriors.put(3L, second.posterior(3, PosteriorState.COMPLETE, 5).build());
        posteriors.put(4L, second.posterior(4, PosteriorState.COMPLETE, 20).build());
        first.publishRun("");
        first.publishAdapter();
        first.publishFactors();
        first.publish(posteriors.get(1L));
        ChildJvm stopped = scorer();
        ChildJvm killed = scorer();
        try (QuestionStream stream = new QuestionStream(connection)) {
            awaitMembers(2);
            awaitAnswers(stream, 20, 1);

            first.publish(posteriors.get(2L));
            fault(stream, stopped::stop);
            awaitMembers(1); // past the session timeout: the other has everything
            second.publishAdapter();
            second.publishFactors();
            second.publish(posteriors.get(3L));
            awaitAnswers(stream, 20, 3);
            fault(stream, stopped::goOn);
            awaitMembers(2); // the zombie was refused, and is back

            second.publish(posteriors.get(4L));
            fault(stream, killed::kill);
            awaitMembers(1);
            awaitAnswers(stream, 20, 4);
            assertOracle(stream, posteriors, runs);
        }
        assertThat(stopped.isAlive()).isTrue();
        assertThat(stopped.end()).isZero();
    }

    /** The control: what does not commit answers and offsets together fails the oracle. */
    @Test
    void shouldNotBeSatisfiedWithAtLeastOnce() throws Exception {
        TinyRun run = new TinyRun(connection, false, LABELS);
        run.publish();
        Map<Long, Posterior> posteriors =
                Map.of(1L, run.posterior(1, PosteriorState.COMPLETE, 2).build());
        atLeastOnce();
        ChildJvm killed = atLeastOnce();
        try (QuestionStream stream = new QuestionStream(connection)) {
            awaitMembers(2);
            awaitAnswers(stream, 20, 1);
            fault(stream, killed::kill);
            awaitMembers(1);
            assertThatThrownBy(() -> assertOracle(stream, posteriors, Map.of(1L, run)))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("answered more than once");
        }
    }

    @Test
    void shouldOutliveABrokerThatRestartsAndARegistryThatIsDown() throws Exception {
        Path own = dir.resolve("own");
        Registry registry = Registry.start(own.resolve("registry"), 0);
        Broker broker = Broker.start(own.resolve("broker"), 0);
        List<String> reasons = new CopyOnWriteArrayList<>();
        try {
            registry.awaitReady();
            Connection to = Connection.to(broker.bootstrapServers(), registry.url());
            TopicAdmin.createMissing(to);
            new TinyRun(to, false, LABELS).publish();
            CompletableFuture<Void> ending;
            Scorer scorer = new Scorer(to, ScorerSettings.of(TinyRun.RUN, dir.resolve("model")), new Reasons(reasons));
            try {
                assertThat(scorer.obstacle()).contains("starting");
                CompletableFuture<Void> scoring =
                        CompletableFuture.runAsync(scorer::run, task -> new Thread(task, "scorer").start());
                ask(to, "one", Purpose.ANSWER);
                awaitAnswered(to, scoring, "one");
                assertThat(scorer.obstacle()).isEmpty();

                int port = URI.create("tcp://" + broker.bootstrapServers()).getPort();
                broker.close();
                broker = Broker.start(own.resolve("broker"), port);
                ask(to, "two", Purpose.ANSWER);
                awaitAnswered(to, scoring, "one", "two");

                int registryPort = URI.create(registry.url()).getPort();
                registry.close();
                List<String> ids = new ArrayList<>(List.of("one", "two"));
                for (long end = System.nanoTime() + OUTAGE.toNanos(); System.nanoTime() < end; ) {
                    ids.add("three-" + ids.size());
                    ask(to, ids.get(ids.size() - 1), Purpose.ANSWER); // all that it needs is known
                    awaitAnswered(to, scoring, ids.toArray(new String[0]));
                }
                ask(to, "four", Purpose.VALIDATION); // its statistics have a schema that was not registered yet
                ids.add("four");
                await("the registry is missed")
                        .atMost(PATIENCE)
                        .until(() -> reasons.stream().anyMatch(reason -> reason.contains("registry")));
                assertThat(scorer.obstacle()).contains("waiting-for-kafka");
                assertThat(scoring).isNotDone();
                registry = Registry.start(own.resolve("registry"), registryPort);
                registry.awaitReady();
                awaitAnswered(to, scoring, ids.toArray(new String[0]));
                await("ready again")
                        .atMost(PATIENCE)
                        .until(() -> scorer.obstacle().isEmpty());
                ending = scoring;
            } finally {
                scorer.close();
            }
            ending.orTimeout(1, TimeUnit.MINUTES).join();
            assertThat(scorer.obstacle()).contains("stopped");
        } finally {
            registry.close();
            broker.close();
        }
    }

    private static void ask(Connection to, String id, Purpose purpose) throws Exception {
        try (KafkaProducer<String, Question> producer =
                new KafkaProducer<>(to.producer(), new StringSerializer(), to.serializer(Question.class))) {
            Question question = QuestionStream.question(0);
            question.setPurpose(purpose);
            producer.send(new ProducerRecord<>(to.topics().questions(), id, question))
                    .get();
        }
    }

    private static void awaitAnswered(Connection to, CompletableFuture<Void> scoring, String... ids) {
        await("answers to " + List.of(ids)).atMost(PATIENCE).untilAsserted(() -> {
            if (scoring.isDone()) {
                scoring.join(); // says why
            }
            List<String> answered = new ArrayList<>();
            TopicReading.of(to)
                    .records(to.topics().answers(), Answer.class, each -> answered.add(each.key()))
                    .readToEnd();
            assertThat(answered).containsExactlyInAnyOrder(ids);
        });
    }

    private record Reasons(List<String> heard) implements ScorerListener {
        @Override
        public void unavailable(String problem) {
            heard.add(problem);
        }
    }

    private void assertOracle(QuestionStream stream, Map<Long, Posterior> posteriors, Map<Long, TinyRun> runs) {
        stream.stopSending();
        await("everything is answered").atMost(PATIENCE).until(() -> stream.inFlight() == 0);
        List<Answer> answers = stream.answers();
        assertThat(QuestionStream.counts(answers).entrySet().stream()
                        .filter(each -> each.getValue() > 1)
                        .toList())
                .as("questions answered more than once")
                .isEmpty();
        assertThat(answers).hasSize(stream.sent());
        assertThat(TopicReader.latest(connection, connection.topics().scorerDeadLetters(), Question.class, line -> {}))
                .isEmpty();
        List<Question> distinct =
                IntStream.range(0, 6).mapToObj(QuestionStream::question).toList();
        Map<Long, List<Predictive>> expected = new HashMap<>();
        for (Answer answer : answers) {
            long version = answer.getPosteriorVersion();
            Posterior posterior = posteriors.get(version);
            assertThat(answer.getCheckpoint()).isEqualTo(posterior.getCheckpoint());
            List<Predictive> predictives = expected.computeIfAbsent(
                    version,
                    v -> Recomputed.predictives(dir.resolve("model"), model, runs.get(v), posterior, distinct));
            Recomputed.assertSame(answer, posterior, predictives.get(QuestionStream.index(answer) % 6), POINTS);
        }
        assertThat(expected.keySet()).contains(1L, (long) posteriors.size());
    }

    /**
     * Something that must happen while questions are open and answers have been committed, or it would show nothing.
     */
    private static void fault(QuestionStream stream, ThrowingRunnable fault) throws Exception {
        assertThat(stream.answers()).as("committed before the fault").isNotEmpty();
        assertThat(stream.inFlight()).as("in flight at the fault").isPositive();
        fault.run();
    }

    private interface ThrowingRunnable {
        void run() throws Exception;
    }

    private void awaitAnswers(QuestionStream stream, int more, long version) {
        int before = stream.answers().size();
        await("answers of version " + version).atMost(PATIENCE).until(() -> {
            processes.forEach(process -> {
                if (!process.isAlive() && process.exitCode() == 1) {
                    throw new AssertionError("a scorer has ended by itself");
                }
            });
            List<Answer> answers = stream.answers();
            return answers.size() >= before + more
                    && answers.stream().anyMatch(answer -> answer.getPosteriorVersion() == version);
        });
    }

    private void awaitMembers(int count) {
        GroupMembers.awaitStable(admin, connection.topicPrefix() + "calibrant-scorer-" + TinyRun.RUN, count, PATIENCE);
    }

    private ChildJvm scorer() throws IOException {
        return started(ScorerProcess.class);
    }

    private ChildJvm atLeastOnce() throws IOException {
        return started(AtLeastOnceScorer.class);
    }

    private ChildJvm started(Class<?> main) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(
                address,
                connection.schemaRegistry(),
                connection.topicPrefix(),
                SESSION_TIMEOUT,
                TinyRun.RUN,
                dir.resolve("model").toString()));
        arguments.addAll(settings);
        ChildJvm process = ChildJvm.start(log(), main.getName(), arguments.toArray(String[]::new));
        processes.add(process);
        return process;
    }

    private Path log() {
        return dir.resolve("scorer-" + processes.size() + "-" + connection.topicPrefix() + "log");
    }
}
