package io.calibrant.infra.commands;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.AccessFailure;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.testing.AccessPage;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.SecuredBroker;
import io.calibrant.testing.SecuredBroker.Listener;
import io.calibrant.trainer.prompts.QuestionFile;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands against a broker with TLS, SCRAM and Kafka's own authorizer, and a registry with TLS and a password:
 * what is refused is named within 30 s, and no secret is ever shown. The tests go on with what those before them have
 * left on the topics.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class SecurityDistIT {
    private static final Path GOLDEN = Path.of("..", "..", "shared", "golden");
    private static final Path PAGE = Path.of("docs", "access.md");
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final String RUN = "r1";
    private static final String USER = "svc";

    private static final String PASSWORD = "login-Pa55-x3v";
    private static final String WRONG = "wrong-Pa55-t9d";
    private static final String REGISTRY = "registry-Pa55-m8z";
    private static final String USER_INFO = "registry-user:" + REGISTRY;
    private static final List<String> SECRETS =
            List.of(PASSWORD, WRONG, REGISTRY, GuardedRegistry.header(USER_INFO), SecuredBroker.storePassword());

    private static final Pattern MISSING =
            Pattern.compile("has no right to (?:DESCRIBE and )?([A-Z_]+)(?: and [A-Z_]+)* on"
                    + " (topic|group|transactional id) ([A-Za-z0-9._*-]+)");

    /** All that commands have said in this JVM. */
    private static final StringBuilder SAID = new StringBuilder();

    @TempDir
    private static Path dir;

    private static long batches;
    private static SecuredBroker broker;
    private static GuardedRegistry registry;
    private static Connection operator;
    private static Path questions;

    @BeforeAll
    static void start() throws Exception {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not here: no model to train");
        broker = SecuredBroker.start(dir.resolve("cluster"));
        broker.user(USER, PASSWORD);
        registry = GuardedRegistry.start(broker.keys(), SecuredBroker.storePassword(), USER_INFO);
        operator = new Connection(
                broker.address(Listener.OPERATOR), registry.url(), "calibrant.", ofRegistry(new HashMap<>()));
        TopicAdmin.createMissing(operator);
        questions = dir.resolve("train.jsonl");
        Files.write(
                questions,
                Files.readAllLines(GOLDEN.resolve("data_mcq/train.jsonl")).subList(0, 8));
        pass();
    }

    @AfterAll
    static void stop() {
        if (broker != null) {
            broker.close();
        }
        if (registry != null) {
            registry.close();
        }
    }

    private static Map<String, String> ofRegistry(Map<String, String> settings) {
        settings.put("basic.auth.credentials.source", "USER_INFO");
        settings.put("basic.auth.user.info", USER_INFO);
        Map<String, String> broker = SecurityDistIT.broker.settings(USER, PASSWORD);
        broker.forEach((key, value) -> {
            if (key.startsWith("ssl.")) {
                settings.put("schema.registry." + key, value);
            }
        });
        return settings;
    }

    private static Map<String, String> settings(String password) {
        Map<String, String> settings = new TreeMap<>(broker.settings(USER, password));
        settings.put("schema.registry.url", registry.url());
        return ofRegistry(settings);
    }

    private static Connection service(Listener listener) {
        Map<String, String> settings = settings(PASSWORD);
        settings.remove("schema.registry.url");
        return new Connection(broker.address(listener), registry.url(), operator.topicPrefix(), settings);
    }

    /**
     * A producer that gives up sooner: where a right is taken between two requests of one transaction, Kafka's client
     * now and then waits for an answer to a third, for as long as this says, a minute unless told otherwise.
     */
    private static Connection givingUpSooner(Connection connection) {
        Map<String, String> settings = new HashMap<>(connection.properties());
        settings.put("max.block.ms", "15000");
        return new Connection(
                connection.bootstrapServers(), connection.schemaRegistry(), connection.topicPrefix(), settings);
    }

    private static Path file(Listener listener, Map<String, String> settings) throws IOException {
        return broker.file(Files.createTempFile(dir, "client", ".properties"), listener, settings);
    }

    private static List<AccessRight> rights(String command) throws IOException {
        return AccessPage.rights(PAGE).get(command);
    }

    private static Ran run(Path file, String... command) {
        List<String> all = new ArrayList<>(List.of(command));
        all.addAll(List.of("--command-config", file.toString()));
        Ran ran = Ran.calibrant(Map.of(), all.toArray(String[]::new));
        SAID.append(ran.out()).append(ran.err());
        return ran;
    }

    /** Runs a command that must be refused, in one line and in time. */
    private static String refused(Path file, String... command) {
        long begin = System.nanoTime();
        Ran ran = run(file, command);
        String as = String.join(" ", command) + ": " + ran.err();
        assertThat(ran.code()).as(as).isEqualTo(1);
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).as(as).isLessThan(LIMIT);
        assertThat(ran.err().lines().filter(line -> line.startsWith("calibrant ")))
                .as(as)
                .hasSize(1);
        assertThat(ran.err()).doesNotContain("\tat ").doesNotContain("Exception");
        return ran.err();
    }

    /** All that a command says that is a process of its own and must be refused, its log included. */
    private static String said(Path file, String... command) throws Exception {
        List<String> all = new ArrayList<>(List.of(command));
        all.addAll(List.of("--command-config", file.toString()));
        try (ChildJvm child =
                ChildJvm.calibrant(Files.createTempFile(dir, "refused", ".log"), all.toArray(String[]::new))) {
            await(command[0] + " ends").atMost(LIMIT).until(() -> !child.isAlive());
            assertThat(child.exitCode()).as(child.printed()).isEqualTo(1);
            return child.printed()
                    .lines()
                    .filter(line -> !line.startsWith("WARNING: "))
                    .collect(joining("\n"));
        }
    }

    private static String[] train(String... more) {
        List<String> command = new ArrayList<>(List.of(
                "train",
                "--run",
                RUN,
                "--model",
                GOLDEN.resolve("model").toString(),
                "--adapter",
                GOLDEN.resolve("adapter_mcq").toString(),
                "--steps",
                "0",
                "--rank",
                "4",
                "--questions",
                questions.toString()));
        command.addAll(List.of(more));
        return command.toArray(String[]::new);
    }

    private static String[] fit(String... more) {
        List<String> command = new ArrayList<>(
                List.of("fit", "--state-dir", dir.resolve("state").toString()));
        command.addAll(List.of(more));
        return command.toArray(String[]::new);
    }

    private static String[] score(String... more) {
        List<String> command = new ArrayList<>(List.of(
                "score", "--run", RUN, "--model", GOLDEN.resolve("model").toString()));
        command.addAll(List.of(more));
        return command.toArray(String[]::new);
    }

    private static String[] ask() {
        return new String[] {"ask", "--questions", questions.toString(), "--run", RUN};
    }

    @Test
    @Order(1)
    void shouldSayWhoCannotLogInAndWhichCertificateIsNotTrusted() throws Exception {
        Map<String, String> good = settings(PASSWORD);
        Path wrongPassword = file(Listener.SECURED, settings(WRONG));
        Path expired = file(Listener.EXPIRED, good);
        Path elsewhere = file(Listener.ELSEWHERE, good);
        Map<String, String> trustingNobody = new TreeMap<>(good);
        trustingNobody.keySet().removeIf(key -> key.startsWith("ssl.truststore."));
        Path untrusted = file(Listener.SECURED, trustingNobody);
        Map<String, String> plain = new TreeMap<>(good);
        plain.put("sasl.mechanism", "PLAIN");
        plain.computeIfPresent(
                "sasl.jaas.config", (key, jaas) -> jaas.replace("scram.ScramLoginModule", "plain.PlainLoginModule"));
        Path mechanism = file(Listener.SECURED, plain);
        Map<String, String> storePassword = new TreeMap<>(good);
        storePassword.put("ssl.truststore.password", WRONG);
        Path closed = file(Listener.SECURED, storePassword);
        String address = broker.address(Listener.SECURED);
        for (String[] command : new String[][] {train(), fit(), score(), ask(), {"runs"}}) {
            assertThat(refused(wrongPassword, command))
                    .contains("broker " + address + ": User:svc cannot log in by SCRAM-SHA-512")
                    .contains("sasl.jaas.config must have the name and the password");
            assertThat(refused(expired, command))
                    .contains("broker " + broker.address(Listener.EXPIRED) + ": its certificate has expired")
                    .contains("ssl.truststore.location");
            assertThat(refused(elsewhere, command))
                    .contains("its certificate is for another host")
                    .contains("bootstrap.servers must have the name");
            assertThat(refused(untrusted, command))
                    .contains("its certificate is not trusted: ssl.truststore.location must name a store");
        }
        assertThat(refused(mechanism, fit())).contains("sasl.mechanism must be one of SCRAM-SHA-512, got 'PLAIN'");
        assertThat(refused(closed, score())).contains("its password is wrong");
        assertThat(said(wrongPassword, score()))
                .contains("User:svc cannot log in")
                .hasLineCount(1);
        assertThat(said(untrusted, fit())).contains("is not trusted").hasLineCount(1);
        // As a developer sees it, with the stack.
        Ran debugged = run(wrongPassword, fit("--debug"));
        assertThat(debugged.err()).contains("\tat ");
    }

    /** A run, a fit and an answer, each with the rights of the page and no others. */
    private static void pass() throws Exception {
        Path file = file(Listener.SECURED, settings(PASSWORD));
        broker.allow(USER, rights("train"));
        Ran trained = run(file, train());
        assertThat(trained.code()).as(trained.err()).isZero();

        broker.allow(USER, rights("fit"));
        try (ChildJvm fitting = child("fit", file, fit())) {
            await().atMost(PATIENCE)
                    .until(() -> hasEnded(fitting)
                            || latest(operator.topics().posteriors(), Posterior.class).stream()
                                    .anyMatch(each -> each.getState() == PosteriorState.COMPLETE));
            assertThat(fitting.end()).as(fitting.printed()).isZero();
        }

        broker.allow(USER, rights("score"));
        try (ChildJvm scoring = child("score", file, score())) {
            new QuestionSender(operator)
                    .questions(QuestionFile.read(questions).subList(0, 1), Purpose.ANSWER, RUN, null);
            await().atMost(PATIENCE)
                    .until(() -> hasEnded(scoring)
                            || !latest(operator.topics().answers(), Answer.class)
                                    .isEmpty());
            assertThat(scoring.end()).as(scoring.printed()).isZero();
        }
    }

    @Test
    @Order(2)
    void shouldNameEveryRightThatIsMissing() throws Exception {
        Path file = file(Listener.SECURED, settings(PASSWORD));
        for (String command : new String[] {"train", "fit", "score"}) {
            List<AccessRight> all = rights(command);
            for (AccessRight right : all) {
                broker.allow(
                        USER, all.stream().filter(each -> !each.equals(right)).toList());
                String[] words = switch (command) {
                    case "train" -> train("--replace-run");
                    // A fit of another name has no topics of its own yet, and has to create them.
                    case "fit" -> right.operation().equals("CREATE") ? fit("--fit", "second") : fit();
                    default -> score();
                };
                assertNamed(refused(file, words), right);
            }
        }
        List<AccessRight> asking = rights("ask");
        for (AccessRight right : asking) {
            broker.allow(
                    USER, asking.stream().filter(each -> !each.equals(right)).toList());
            assertNamed(refused(file, ask()), right);
        }
    }

    private static void assertNamed(String said, AccessRight right) {
        assertThat(said)
                .as("without " + right)
                .contains("User:svc has no right to ")
                .contains(right.operation() + " on " + right.kind() + " "
                        + right.name().replace("*", ""));
    }

    private static boolean hasEnded(ChildJvm child) {
        if (!child.isAlive()) {
            String said = child.printed();
            throw new AssertionError("it has ended by itself: " + said.substring(Math.max(0, said.length() - 2_000)));
        }
        return false;
    }

    /** Each right of a service is taken from one that runs and has something to do. */
    @Test
    @Order(3)
    void shouldNameEveryRightThatIsTakenAwayWhileItIsUsed() throws Exception {
        String own = operator.topicPrefix() + "calibrant-fitter";
        for (AccessRight right : List.of(
                new AccessRight("READ", "topic", operator.topics().statistics()),
                new AccessRight("WRITE", "topic", operator.topics().factorUpdates()),
                new AccessRight("WRITE", "topic", operator.topics().fitterDeadLetters()),
                new AccessRight("WRITE", "transactional id", own + "-*"),
                new AccessRight("WRITE", "topic", own + "-*"))) {
            assertNamed(afterTaking("fit", right), right);
        }
        String group = operator.topicPrefix() + "calibrant-scorer-";
        for (AccessRight right : List.of(
                new AccessRight("READ", "topic", operator.topics().questions()),
                new AccessRight("WRITE", "topic", operator.topics().answers()),
                new AccessRight("READ", "group", group + "*"),
                new AccessRight("WRITE", "transactional id", group + "*"))) {
            assertNamed(afterTaking("score", right), right);
        }
    }

    /** What the log says beside it would hide the line. */
    @Test
    @Order(4)
    void shouldSayInOneLineThatARightIsTakenAway() throws Exception {
        Path file = file(Listener.SECURED, settings(PASSWORD));
        for (AccessRight right : List.of(
                new AccessRight("READ", "topic", operator.topics().statistics()),
                new AccessRight("READ", "group", operator.topicPrefix() + "calibrant-fitter*"))) {
            broker.allow(USER, rights("fit"));
            List<String> all = new ArrayList<>(List.of(fit()));
            all.addAll(List.of("--command-config", file.toString()));
            try (ChildJvm child =
                    ChildJvm.calibrant(Files.createTempFile(dir, "taken", ".log"), all.toArray(String[]::new))) {
                await("it runs")
                        .atMost(PATIENCE)
                        .until(() -> hasEnded(child) || child.printed().contains("until interrupted"));
                broker.allow(
                        USER,
                        rights("fit").stream()
                                .filter(each -> !each.equals(right))
                                .toList());
                work();
                await("it ends").atMost(LIMIT).until(() -> !child.isAlive());
                assertThat(child.exitCode()).isEqualTo(1);
                String after = child.printed()
                        .substring(child.printed().indexOf("until interrupted"))
                        .lines()
                        .skip(1)
                        .filter(line -> !line.matches("[0-9:.]+ (INFO|WARN) .*"))
                        .collect(joining("\n"));
                assertNamed(after, right);
                assertThat(after.lines()).as(after).hasSize(1);
            }
        }
    }

    @Test
    @Order(4)
    void shouldNameARightThatIsTakenFromATrainer() throws Exception {
        Path file = file(Listener.SECURED, settings(PASSWORD));
        AccessRight right = new AccessRight("WRITE", "topic", operator.topics().progress());
        List<AccessRight> all = new ArrayList<>(rights("train"));
        all.add(new AccessRight("READ", "topic", operator.topics().questions()));
        all.add(new AccessRight("WRITE", "topic", operator.topics().questions()));
        all.add(new AccessRight("WRITE", "topic", operator.topics().labels()));
        broker.allow(USER, all);
        try (ChildJvm child = ChildJvm.calibrant(
                Files.createTempFile(dir, "train", ".log"),
                "train",
                "--run",
                "r2",
                "--model",
                GOLDEN.resolve("model").toString(),
                "--questions",
                questions.toString(),
                "--steps",
                "100000",
                "--command-config",
                file.toString())) {
            await("it trains")
                    .atMost(PATIENCE)
                    .until(() -> hasEnded(child)
                            || CommittedRecords.raw(operator, operator.topics().progress()).stream()
                                    .anyMatch(record -> new String(record.key(), ISO_8859_1).equals("r2")));
            broker.allow(USER, all.stream().filter(each -> !each.equals(right)).toList());
            await("it ends").atMost(LIMIT).until(() -> !child.isAlive());
            assertThat(child.exitCode()).as(child.printed()).isEqualTo(1);
            assertNamed(child.printed(), right);
            assertThat(child.printed()).doesNotContain("\tat ").doesNotContain(" ERROR ");
        }
    }

    private static String afterTaking(String command, AccessRight right) throws Exception {
        List<AccessRight> all = rights(command);
        assertThat(all).contains(right);
        return ended(
                command,
                "without " + right,
                Listener.SECURED,
                () -> broker.allow(
                        USER, all.stream().filter(each -> !each.equals(right)).toList()));
    }

    private interface Taking {
        void take() throws Exception;
    }

    /** How a service ends that runs, and has something to do, when something is taken from it. */
    private static String ended(String command, String what, Listener listener, Taking taking) throws Exception {
        broker.allow(USER, rights(command));
        Connection service = service(listener);
        AutoCloseable closing;
        CompletableFuture<Void> running;
        if (command.equals("fit")) {
            Fitter fitter =
                    new Fitter(service, FitterSettings.defaults().withStateDir(dir.resolve("state")), posterior -> {});
            fitter.start();
            running = CompletableFuture.runAsync(fitter::await);
            closing = fitter;
        } else {
            Scorer scorer = new Scorer(
                    givingUpSooner(service), ScorerSettings.of(RUN, GOLDEN.resolve("model")), ScorerListener.SILENT);
            running = CompletableFuture.runAsync(scorer::run);
            closing = scorer;
            awaitAnswer(running);
        }
        try {
            assertThat(running).isNotDone();
            taking.take();
            work();
            long begin = System.nanoTime();
            await(command + " ends " + what).atMost(LIMIT).until(running::isDone);
            Throwable failure = running.handle((done, thrown) -> thrown).join();
            assertThat(failure)
                    .as("%s after %d ms", command, (System.nanoTime() - begin) / 1_000_000)
                    .isNotNull();
            return new AccessFailure(service, command).describe(failure).orElse(failure.toString());
        } finally {
            closing.close();
        }
    }

    /** Something for whoever runs: statistics, a question, and what is not to be read on both topics. */
    private static void work() throws Exception {
        long next = batches++; // one that has been folded writes nothing
        new SentPass(100).send(operator, batch -> batch == next);
        new QuestionSender(operator).questions(QuestionFile.read(questions).subList(0, 1), Purpose.ANSWER, RUN, null);
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(operator.producer(), new StringSerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (String topic :
                    List.of(operator.topics().statistics(), operator.topics().questions())) {
                sent.add(producer.send(new ProducerRecord<>(topic, "poison", new byte[] {7})));
            }
            for (Future<RecordMetadata> each : sent) {
                each.get();
            }
        }
    }

    /** Until a scorer has its model and takes questions. */
    private static void awaitAnswer(CompletableFuture<Void> running) throws Exception {
        int before = CommittedRecords.raw(operator, operator.topics().answers()).size();
        new QuestionSender(operator).questions(QuestionFile.read(questions).subList(0, 1), Purpose.ANSWER, RUN, null);
        await("an answer").atMost(PATIENCE).until(() -> {
            if (running.isDone()) {
                running.join();
            }
            return CommittedRecords.raw(operator, operator.topics().answers()).size() > before;
        });
    }

    @Test
    @Order(5)
    void shouldSayThatALoginIsTakenAwayWhileItIsUsed() throws Exception {
        try {
            for (String command : new String[] {"fit", "score"}) {
                assertThat(ended(command, "without a login", Listener.RENEWED, () -> broker.remove(USER)))
                        .contains("broker " + broker.address(Listener.RENEWED)
                                + ": User:svc cannot log in by SCRAM-SHA-512");
                broker.user(USER, PASSWORD);
            }
        } finally {
            broker.user(USER, PASSWORD);
        }
    }

    @Test
    @Order(6)
    void shouldShowNoSecretAnywhere() throws Exception {
        Path file = file(Listener.SECURED, settings(PASSWORD));
        List<AccessRight> all = new ArrayList<>();
        AccessPage.rights(PAGE).values().forEach(all::addAll);
        broker.allow(USER, all.stream().distinct().toList());
        for (String[] command : new String[][] {train(), fit(), score(), ask(), {"runs"}, {"monitor"}, {"topics"}}) {
            List<String> printing = new ArrayList<>(List.of(command));
            printing.add("--print-config");
            Ran printed = run(file, printing.toArray(String[]::new));
            assertThat(printed.code()).as(printed.err()).isZero();
            assertThat(printed.out()).contains("sasl.jaas.config", "basic.auth.user.info", "********");
        }
        String pages;
        try (ChildJvm fitting = child("fit-all", file, fit("--fit", "third", "--metrics-port", "0"));
                ChildJvm scoring = child("score-all", file, score("--metrics-port", "0"));
                ChildJvm watching = child("monitor-all", file, "monitor", "--port", "0");
                ChildJvm training = child(
                        "train-all",
                        file,
                        train(
                                "--metrics-port",
                                "0",
                                "--output",
                                dir.resolve("out").toString()))) {
            CompletableFuture<String> ofTrainer = CompletableFuture.supplyAsync(() -> lastMetrics(training));
            await("the page")
                    .atMost(PATIENCE)
                    .until(() -> hasEnded(watching) || watching.printed().contains("http://"));
            await("the fitter")
                    .atMost(PATIENCE)
                    .until(() -> hasEnded(fitting) || fitting.printed().contains("until interrupted"));
            awaitAnswer(new CompletableFuture<>());
            await("the trainer").atMost(PATIENCE).until(() -> !training.isAlive());
            String trained = ofTrainer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            assertThat(trained)
                    .as("a trainer that is scraped is seen to be done")
                    .contains("calibrant_trainer_phase{phase=\"done\",run=\"" + RUN + "\",shard=\"0/1\"} 1.0");
            pages = pages(watching.printed()) + trained;
            for (ChildJvm service : List.of(fitting, scoring)) {
                String shown = metrics(service.printed());
                assertThat(shown).contains("HTTP/1.1 200", "calibrant_ready{service=");
                pages += shown;
            }
            assertThat(fitting.end()).as(fitting.printed()).isZero();
            assertThat(scoring.end()).as(scoring.printed()).isZero();
            watching.end();
        }
        assertThat(pages).contains(RUN, "calibrant_ready", "UP");
        assertNoSecret("the monitor's page", pages);
        assertNoSecret("what commands said", SAID.toString());
        for (TopicDefinition definition : operator.topics().definitions()) {
            CommittedRecords.raw(operator, definition.name()).forEach(record -> {
                Consumer<byte[]> look = bytes -> {
                    if (bytes != null) {
                        assertNoSecret(record.topic() + " at " + record.offset(), new String(bytes, ISO_8859_1));
                    }
                };
                look.accept(record.key());
                look.accept(record.value());
                for (Header header : record.headers()) {
                    look.accept(header.value());
                }
            });
        }
        int files = 0;
        try (Stream<Path> walk = Files.walk(dir)) {
            for (Path each : walk.filter(Files::isRegularFile).toList()) {
                // What the operator has, and the users' own files, have secrets of their own right.
                if (!each.startsWith(dir.resolve("cluster")) && !each.toString().endsWith(".properties")) {
                    assertNoSecret(each.toString(), Files.readString(each, ISO_8859_1));
                    files++;
                }
            }
        }
        assertThat(files).as("logs, state and output that were looked at").isGreaterThan(20);
    }

    /** Grants evaluate and compare what each asks for, one right after the other, until it has all that it needs. */
    @Test
    @Order(7)
    void shouldFindTheRightsOfEvaluationsOnThePage() throws Exception {
        Path file = file(Listener.SECURED, settings(PASSWORD));
        Path labelled = Files.write(
                dir.resolve("labelled.jsonl"),
                Files.readAllLines(GOLDEN.resolve("data_mcq/train.jsonl")).subList(20, 24));
        try (Scorer scorer =
                new Scorer(operator, ScorerSettings.of(RUN, GOLDEN.resolve("model")), ScorerListener.SILENT)) {
            CompletableFuture<Void> scoring = CompletableFuture.runAsync(scorer::run);
            awaitAnswer(scoring);
            assertThat(needed(file, "evaluate", "--run", RUN, "--questions", labelled.toString()))
                    .containsExactlyInAnyOrderElementsOf(rights("evaluate"));
            assertThat(needed(file, "compare", "default", "default", "--run", RUN))
                    .containsExactlyInAnyOrderElementsOf(rights("compare"));
            assertThat(scoring).isNotDone();
        }
    }

    private static List<AccessRight> needed(Path file, String... command) throws Exception {
        List<AccessRight> granted = new ArrayList<>();
        while (true) {
            broker.allow(USER, granted);
            Ran ran = run(file, command);
            if (ran.code() == 0) {
                return granted.stream()
                        .filter(right ->
                                granted.stream().noneMatch(other -> !other.equals(right) && other.includes(right)))
                        .toList();
            }
            Matcher missing = MISSING.matcher(ran.err());
            assertThat(missing.find()).as(ran.err()).isTrue();
            AccessRight next = onPage(new AccessRight(missing.group(1), missing.group(2), missing.group(3)));
            assertThat(granted).as(ran.err()).doesNotContain(next);
            granted.add(next);
        }
    }

    /** What belongs to one fit is on the page as what belongs to any. */
    private static AccessRight onPage(AccessRight right) {
        String own = operator.topicPrefix() + "calibrant-fitter";
        return right.name().startsWith(own + "-")
                ? new AccessRight(
                        right.operation(), right.kind(), own + (right.kind().equals("topic") ? "-*" : "*"))
                : right;
    }

    /** At the end, since nothing is left then: each says what it lacks before it has removed a part. */
    @Test
    @Order(8)
    void shouldFindTheRightsOfDeletionsOnThePage() throws Exception {
        Path file = file(Listener.SECURED, settings(PASSWORD));
        String state = dir.resolve("state").toString();
        assertThat(latest(operator.topics().posteriors(), Posterior.class))
                .anyMatch(each -> each.getFit().equals("third"));
        assertThat(needed(file, "fits", "--delete", "third", "--force", "--state-dir", state))
                .containsExactlyInAnyOrderElementsOf(rights("fits --delete"));
        assertThat(latest(operator.topics().factors(), Factor.class))
                .noneMatch(each -> each.getFit().equals("third"));
        assertThat(needed(file, "runs", "--delete", RUN)).containsExactlyInAnyOrderElementsOf(rights("runs --delete"));
        assertThat(latest(operator.topics().runs(), Run.class))
                .noneMatch(each -> each.getRunId().equals(RUN));
    }

    private static void assertNoSecret(String where, String text) {
        for (String secret : SECRETS) {
            int at = text.indexOf(secret);
            assertThat(at)
                    .as("secret in %s: ...%s...", where, at < 0 ? "" : text.substring(Math.max(0, at - 80), at))
                    .isNegative();
        }
    }

    /** The page's files and headers, and what it is told at first. */
    private static String pages(String printed) throws Exception {
        String address = printed.lines()
                .filter(line -> line.startsWith("http://"))
                .findFirst()
                .orElseThrow();
        StringBuilder all = new StringBuilder();
        List<String> paths = new ArrayList<>(List.of("", "monitor.js", "nowhere", "events?run=" + RUN));
        for (String topic : List.of(
                operator.topics().answers(),
                operator.topics().fitterDeadLetters(),
                operator.topics().scorerDeadLetters())) {
            List<ConsumerRecord<byte[], byte[]>> records = CommittedRecords.raw(operator, topic);
            assertThat(records).as(topic).isNotEmpty();
            ConsumerRecord<byte[], byte[]> last = records.get(records.size() - 1);
            paths.add((topic.equals(operator.topics().answers()) ? "answer?" : "letter?topic=" + topic + "&")
                    + "partition=" + last.partition() + "&offset=" + last.offset());
        }
        for (String path : paths) {
            var connection = URI.create(address + path).toURL().openConnection();
            all.append(connection.getHeaderFields());
            if (!path.equals("nowhere")) {
                try (InputStream in = connection.getInputStream()) {
                    byte[] part = new byte[1 << 16];
                    for (int n = in.read(part); n > 0; n = in.read(part)) {
                        all.append(new String(part, 0, n, ISO_8859_1));
                        if (path.startsWith("events") && all.indexOf("event: status") >= 0) {
                            break;
                        }
                    }
                }
            }
        }
        assertThat(all).contains("\"choices\":[{", "\"reason\":\"");
        return all.toString();
    }

    /** What a service tells of itself, with the headers. */
    private static String metrics(String printed) throws IOException {
        Matcher address = Pattern.compile("metrics at (http://[0-9.:]+)").matcher(printed);
        assertThat(address.find()).isTrue();
        StringBuilder all = new StringBuilder();
        for (String path : List.of("/health/live", "/health/ready", "/metrics")) {
            HttpURLConnection connection = (HttpURLConnection)
                    URI.create(address.group(1) + path).toURL().openConnection();
            all.append(connection.getHeaderFields());
            try (InputStream in =
                    connection.getResponseCode() < 400 ? connection.getInputStream() : connection.getErrorStream()) {
                all.append(new String(in.readAllBytes(), ISO_8859_1));
            }
        }
        return all.toString();
    }

    /** What a service tells of itself last, before it ends; scraped more seldom than a process takes to end. */
    private static String lastMetrics(ChildJvm service) {
        String last = "";
        while (service.isAlive()) {
            try {
                String printed = service.printed();
                last = printed.contains("metrics at ") ? metrics(printed) : last;
                Thread.sleep(3_000);
            } catch (IOException e) {
                // it ends, or has just begun
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
        return last;
    }

    /** A command as a process, with all that its log can say. */
    private static ChildJvm child(String name, Path file, String... command) throws IOException {
        List<String> all = new ArrayList<>(List.of(command));
        all.addAll(List.of("--command-config", file.toString(), "--debug"));
        return ChildJvm.calibrant(
                dir.resolve(name + ".log"), Map.of("CALIBRANT_LOG_LEVEL", "DEBUG"), all.toArray(String[]::new));
    }

    private static <V extends SpecificRecord> List<V> latest(String topic, Class<V> type) {
        return List.copyOf(TopicReader.latest(operator, topic, type, line -> {}).values());
    }
}
