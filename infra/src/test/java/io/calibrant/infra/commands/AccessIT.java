package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.cluster.Broker;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.commands.GrantedRights.Grant;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.AccessFailure;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.scorer.service.Scorer;
import io.calibrant.scorer.service.ScorerListener;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.testing.AccessPage;
import io.calibrant.trainer.prompts.QuestionFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.resource.ResourceType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The rights of the page {@code access.md}: with them and no others a service does its work, and without any one of
 * them it ends at once and names it.
 */
class AccessIT {
    private static final Path GOLDEN = Path.of("..", "..", "shared", "golden");
    private static final Path PAGE = Path.of("docs", "access.md");
    private static final Pattern MISSING =
            Pattern.compile("has no right to (?:DESCRIBE and )?([A-Z_]+)(?: and [A-Z_]+)* on topic ([A-Za-z0-9._-]+)");
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final String RUN = "r1";

    @TempDir
    private static Path dir;

    private static Broker broker;
    private static Connection operator;
    private static Connection service;
    private static Path questions;

    @BeforeAll
    static void start() throws Exception {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not here: no model to train");
        broker = Broker.start(dir.resolve("broker"), 0, Map.of("authorizer.class.name", GrantedRights.class.getName()));
        operator = Connection.to(broker.bootstrapServers(), "mock://access");
        service = new Connection(
                broker.bootstrapServers(),
                "mock://access",
                operator.topicPrefix(),
                Map.of("client.id", GrantedRights.CLIENT));
        TopicAdmin.createMissing(operator);
        questions = dir.resolve("train.jsonl");
        Files.write(
                questions,
                Files.readAllLines(GOLDEN.resolve("data_mcq/train.jsonl")).subList(0, 8));
    }

    @AfterAll
    static void stop() {
        if (broker != null) {
            broker.close();
        }
    }

    private static Map<String, List<Grant>> page() throws Exception {
        Map<String, List<Grant>> rights = new LinkedHashMap<>();
        AccessPage.rights(PAGE)
                .forEach((command, each) ->
                        rights.put(command, each.stream().map(AccessIT::grant).toList()));
        return rights;
    }

    private static Grant grant(AccessRight right) {
        return new Grant(
                AclOperation.fromString(right.operation()),
                ResourceType.fromString(right.kind().replace(' ', '_').toUpperCase(Locale.ROOT)),
                right.name());
    }

    @Test
    void shouldNeedTheRightsOfThePageAndNoOthers() throws Exception {
        Map<String, List<Grant>> page = page();
        page.keySet().retainAll(List.of("train", "fit", "score"));
        assertThat(page).hasSize(3);

        GrantedRights.set(page.get("train"));
        Ran trained = train();
        assertThat(trained.code()).as(trained.err()).isZero();

        GrantedRights.set(page.get("fit"));
        try (Fitter fitter = fitter("default")) {
            fitter.start();
            await().atMost(PATIENCE)
                    .until(() -> all(operator.topics().posteriors(), Posterior.class).stream()
                            .anyMatch(posterior -> posterior.getState() == PosteriorState.COMPLETE));
        }

        GrantedRights.set(page.get("score"));
        Scorer scorer = scorer();
        scorer.requireAccess();
        CompletableFuture<Void> scoring = CompletableFuture.runAsync(scorer::run);
        new QuestionSender(operator).questions(QuestionFile.read(questions).subList(0, 1), Purpose.ANSWER, RUN, null);
        await().atMost(PATIENCE)
                .until(() -> scoring.isDone()
                        || !all(operator.topics().answers(), Answer.class).isEmpty());
        scorer.close();
        scoring.join(); // says why, where there is no answer

        List<String> wrong = new ArrayList<>();
        page.forEach((command, rights) -> rights.forEach(right -> {
            GrantedRights.set(
                    rights.stream().filter(each -> !each.equals(right)).toList());
            String said = without(command, right);
            String name = right.name().replace("*", "");
            if (!said.contains("User:ANONYMOUS has no right to ")
                    || !said.contains(right.operation() + " on ")
                    || !said.contains(name)) {
                wrong.add(command + " without " + right + " says: " + said);
            }
        }));
        assertThat(wrong).isEmpty();
    }

    /** What a service says that lacks a right. */
    private String without(String command, Grant right) {
        if (command.equals("train")) {
            return train().err();
        }
        try {
            if (command.equals("score")) {
                scorer().requireAccess();
            } else {
                // A fit of another name has no topics of its own yet, and has to create them.
                try (Fitter fitter = fitter(right.operation() == AclOperation.CREATE ? "second" : "default")) {
                    fitter.start();
                }
            }
            return "nothing";
        } catch (RuntimeException e) {
            return new AccessFailure(service, command).describe(e).orElse(e.toString());
        }
    }

    /** With a broker of its own kind of rights; every right of every service: {@code SecurityDistIT}. */
    @Test
    void shouldNameARightThatIsTakenAwayWhileItIsUsed() throws Exception {
        List<Grant> rights = page().get("fit");
        GrantedRights.set(rights);
        try (Fitter fitter = fitter("default")) {
            fitter.start();
            CompletableFuture<Void> fitting = CompletableFuture.runAsync(fitter::await);
            GrantedRights.set(rights.stream()
                    .filter(each -> !each.name().equals(operator.topics().factorUpdates()))
                    .toList());
            new SentPass(1).send(operator, batch -> true);
            await().atMost(Duration.ofSeconds(30)).until(fitting::isDone);
            assertThat(new AccessFailure(service, "fit")
                            .describe(fitting.handle((done, failure) -> failure).join()))
                    .hasValueSatisfying(said -> assertThat(said)
                            .contains("User:ANONYMOUS has no right to ")
                            .contains("WRITE on topic " + operator.topics().factorUpdates()));
        }
    }

    /** Grants what a command asks for, one right after the other, until it has all that it needs. */
    @Test
    void shouldFindTheRightsOfEveryCommandOnThePage() throws Exception {
        Map<String, List<Grant>> page = page();
        // Where a topic is empty, nobody needs to read it.
        new QuestionSender(operator).questions(QuestionFile.read(questions).subList(0, 1), Purpose.ANSWER, RUN, null);
        new SentPass(1).send(operator, batch -> false);
        for (String[] command : new String[][] {
            {"topics"},
            {"ask", "--questions", questions.toString(), "--run", RUN},
            {"label", "--questions", questions.toString(), "--run", RUN},
            {"validate", "--questions", other().toString(), "--run", RUN},
            {"answers", "--from-beginning", "--timeout", "0"},
            {"fits"},
            {"runs"}
        }) {
            assertThat(needed(command)).as(command[0]).containsExactlyInAnyOrderElementsOf(page.get(command[0]));
        }
        // These go on until they are interrupted.
        for (String[] command : new String[][] {{"watch", "--run", RUN}, {"monitor"}}) {
            List<Grant> rights = page.get(command[0]);
            for (Grant right : rights) {
                GrantedRights.set(
                        rights.stream().filter(each -> !each.equals(right)).toList());
                assertThat(run(command).err()).contains(right.operation() + " on topic " + right.name());
            }
        }
    }

    private static List<Grant> needed(String... command) {
        List<Grant> granted = new ArrayList<>();
        while (true) {
            GrantedRights.set(granted);
            Ran ran = run(command);
            if (ran.code() == 0) {
                return granted.stream()
                        .filter(each -> each.operation() != AclOperation.DESCRIBE
                                || granted.stream().noneMatch(other -> other.impliesDescribing(each.name())))
                        .toList();
            }
            Matcher missing = MISSING.matcher(ran.err());
            assertThat(missing.find()).as(ran.err()).isTrue();
            Grant next = new Grant(
                    AclOperation.fromString(missing.group(1)),
                    ResourceType.TOPIC,
                    // That of all topics is the same for each.
                    command[0].equals("topics") ? operator.topicPrefix() + "*" : missing.group(2));
            assertThat(granted).as(ran.err()).doesNotContain(next);
            granted.add(next);
        }
    }

    /** Questions with ids and texts of their own. */
    private static Path other() throws Exception {
        Path file = dir.resolve("other.jsonl");
        Files.write(
                file, Files.readAllLines(GOLDEN.resolve("data_mcq/train.jsonl")).subList(20, 24));
        return file;
    }

    private static Ran run(String... command) {
        return Ran.calibrant(
                Map.of(
                        "CALIBRANT_BOOTSTRAP_SERVERS", service.bootstrapServers(),
                        "CALIBRANT_SCHEMA_REGISTRY_URL", service.schemaRegistry(),
                        "CALIBRANT_CLIENT_ID", GrantedRights.CLIENT),
                command);
    }

    private static Ran train() {
        return run(
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
                questions.toString());
    }

    private Fitter fitter(String fit) {
        return new Fitter(
                service,
                FitterSettings.defaults().named(fit).withStateDir(dir.resolve("state-" + fit)),
                posterior -> {});
    }

    private Scorer scorer() {
        return new Scorer(service, ScorerSettings.of(RUN, GOLDEN.resolve("model")), ScorerListener.SILENT);
    }

    private <V extends SpecificRecord> List<V> all(String topic, Class<V> type) {
        return List.copyOf(TopicReader.latest(operator, topic, type, line -> {
                    throw new AssertionError(line);
                })
                .values());
    }
}
