package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.records.CalibrationRecords;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Decision;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PriorStructure;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.SequentialAlarm;
import io.calibrant.schemas.avro.TierMembers;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands against a real broker and the real registry; every test has a topic prefix of its own. */
class CommandsIT extends OnOneCluster {
    @TempDir
    private Path dir;

    private Topics topics;

    @BeforeEach
    void name() {
        topics = connection.topics();
    }

    private Ran calibrant(String... arguments) {
        return Ran.calibrant(environment(), arguments);
    }

    private <V extends SpecificRecord> void send(String topic, Class<V> type, Map<String, V> values) throws Exception {
        try (KafkaProducer<String, V> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), connection.serializer(type))) {
            for (Map.Entry<String, V> each : values.entrySet()) {
                producer.send(new ProducerRecord<>(topic, each.getKey(), each.getValue()))
                        .get();
            }
        }
    }

    private <V extends SpecificRecord> Map<String, V> latest(String topic, Class<V> type) {
        return TopicReader.latest(connection, topic, type, line -> {
            throw new AssertionError(line);
        });
    }

    // --- topics
    // -------------------------------------------------------------------------------------------------------

    @Test
    void shouldChangeNothingUnlessToldTo() throws Exception {
        Ran dry = calibrant("topics", "--json");
        assertThat(dry.code()).isZero();
        assertThat(dry.json())
                .hasSameSizeAs(topics.definitions())
                .allMatch(t -> t.get("state").asText().equals("missing"));
        assertThat(calibrant("topics", "--json").json())
                .allMatch(t -> t.get("state").asText().equals("missing"));
    }

    @Test
    void shouldCreateWhatIsMissingAndSetWhatDiffers() throws Exception {
        assertThat(calibrant("topics", "--apply", "--json").json())
                .allMatch(t -> t.get("state").asText().equals("created"));
        assertThat(calibrant("topics", "--json").json())
                .allMatch(t -> t.get("state").asText().equals("ok"))
                .allMatch(t -> t.get("difference").isNull());
        // given that somebody changed one
        try (Admin admin = Admin.create(connection.admin())) {
            admin.incrementalAlterConfigs(Map.of(
                            new ConfigResource(ConfigResource.Type.TOPIC, topics.statistics()),
                            List.of(new AlterConfigOp(
                                    new ConfigEntry("retention.ms", "1000"), AlterConfigOp.OpType.SET))))
                    .all()
                    .get();
        }
        // A broker takes over a setting a moment after the controller has.
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() ->
                        assertThat(calibrant("topics").out()).contains("retention.ms is 1000, should be 7776000000"));
        Ran apply = calibrant("topics", "--apply");
        assertThat(apply.code()).isZero();
        assertThat(apply.out()).contains("differs").doesNotContain("altered");
        assertThat(apply.err())
                .isEqualTo("1 of 15 topics differ and are left as they are; --apply --alter sets what"
                        + " they should have\n");
        assertThat(calibrant("topics", "--alter").err())
                .startsWith("would alter " + topics.statistics() + ": retention.ms from 1000 to 7776000000\n");

        Ran alter = calibrant("topics", "--apply", "--alter");
        assertThat(alter.out()).contains("altered");
        assertThat(alter.err())
                .isEqualTo("altering " + topics.statistics() + ": retention.ms from 1000 to 7776000000\n");
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(calibrant("topics", "--json").json())
                        .allMatch(t -> t.get("state").asText().equals("ok")));
    }

    @Test
    void shouldTouchNothingWhereOneChangeIsImpossible() throws Exception {
        // given a topic of another team's, which has our name
        try (Admin admin = Admin.create(connection.admin())) {
            admin.createTopics(List.of(
                            new NewTopic(topics.questions(), 1, (short) 1).configs(Map.of("retention.ms", "-1")),
                            new NewTopic(topics.runs(), 4, (short) 1)))
                    .all()
                    .get();
        }
        for (String[] flags : new String[][] {{"--apply"}, {"--apply", "--alter"}}) {
            Ran ran = calibrant(
                    Stream.concat(Stream.of("topics"), Stream.of(flags)).toArray(String[]::new));
            assertThat(ran.code()).isEqualTo(1);
            assertThat(ran.out()).contains("1 partitions, should be 4", "retention.ms is -1");
            assertThat(ran.err())
                    .startsWith("nothing is created or altered")
                    .contains(topics.questions() + " has 1, should have 4")
                    .hasLineCount(1);
        }
        assertThat(calibrant("topics", "--json").json())
                .filteredOn(t -> t.get("state").asText().equals("missing"))
                .hasSize(13);
        assertThat(calibrant("topics").out()).contains("cleanup.policy is delete, should be compact");
    }

    @Test
    void shouldCreateAllTopicsOrNone() throws Exception {
        Ran ran = calibrant("topics", "--apply", "--replication-factor", "3", "--min-insync-replicas", "2");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .startsWith("calibrant topics: topic " + topics.runs() + " cannot be created, and none was: ")
                .contains("replication factor of 3");
        assertThat(calibrant("topics", "--apply", "--replication-factor", "1", "--min-insync-replicas", "2")
                        .err())
                .isEqualTo("calibrant topics: --min-insync-replicas must be 1 to 1, got 2\n");
        assertThat(calibrant("topics", "--json").json())
                .allMatch(t -> t.get("state").asText().equals("missing"));

        assertThat(calibrant("topics", "--apply", "--replication-factor", "1").code())
                .isZero();
    }

    // --- questions and labels
    // -----------------------------------------------------------------------------------------

    private static final String TEXT =
            new QuestionText("Wie groß?", null, List.of("A", "B", "C"), List.of("1", "2", "3")).digest();

    private Path questions() throws IOException {
        Path file = dir.resolve("questions.jsonl");
        Files.writeString(
                file,
                "{\"id\": \"q1\", \"question\": \"Wie groß?\", \"choices\": [{\"label\": \"A\", \"text\": \"1\"},"
                        + " {\"label\": \"B\", \"text\": \"2\"}, {\"label\": \"C\", \"text\": \"3\"}],"
                        + " \"answer\": \"B\"}\n"
                        + "{\"id\": \"q2\", \"question\": \"Is it?\", \"context\": \"It is.\", \"choices\":"
                        + " [{\"label\": \"True\", \"text\": \"\"}, {\"label\": \"False\", \"text\": \"\"}]}\n");
        return file;
    }

    @Test
    void shouldAskWhatTheFileSays() throws Exception {
        TopicAdmin.createMissing(connection);
        Ran ran = calibrant("ask", "--questions", questions().toString(), "--run", "r1");
        assertThat(ran).isEqualTo(new Ran(0, "", "2 questions sent to " + topics.questions() + "\n"));
        assertThat(latest(topics.questions(), Question.class))
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        "r1/q1",
                                new Question(
                                        "Wie groß?",
                                        List.of(new Choice("A", "1"), new Choice("B", "2"), new Choice("C", "3")),
                                        null,
                                        Purpose.ANSWER,
                                        "r1",
                                        null,
                                        null,
                                        "q1",
                                        null),
                        "r1/q2",
                                new Question(
                                        "Is it?",
                                        List.of(new Choice("True", ""), new Choice("False", "")),
                                        "It is.",
                                        Purpose.ANSWER,
                                        "r1",
                                        null,
                                        null,
                                        "q2",
                                        null)));
        assertThat(latest(topics.labels(), Label.class)).isEmpty();
    }

    @Test
    void shouldLabelTheQuestionsThatHaveAnAnswer() throws Exception {
        TopicAdmin.createMissing(connection);
        Ran ran = calibrant("label", "--questions", questions().toString());
        assertThat(ran.code()).isZero();
        assertThat(ran.err()).contains("1 labels sent").contains("1 questions have no answer");
        assertThat(latest(topics.labels(), Label.class)).isEqualTo(Map.of("q1", new Label("B", null, TEXT)));
    }

    @Test
    void shouldValidateWithLabelledQuestionsOnly() throws Exception {
        TopicAdmin.createMissing(connection);
        Path all = questions();
        Ran refused = calibrant("validate", "--run", "r1", "--questions", all.toString());
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err()).contains("question 'q2' has no \"answer\"").hasLineCount(1);
        assertThat(latest(topics.questions(), Question.class)).isEmpty();

        Path labelled = dir.resolve("labelled.jsonl");
        Files.writeString(labelled, Files.readAllLines(all).get(0) + "\n");
        assertThat(calibrant("validate", "--run", "r1", "--questions", labelled.toString())
                        .code())
                .isZero();
        assertThat(latest(topics.questions(), Question.class).get("r1/q1").getPurpose())
                .isEqualTo(Purpose.VALIDATION);
        assertThat(latest(topics.labels(), Label.class)).isEqualTo(Map.of("q1", new Label("B", "r1", TEXT)));

        // Asked once more it has another purpose under its key; it has calibrated all the same.
        calibrant("ask", "--run", "r1", "--questions", labelled.toString());
        assertThat(latest(topics.questions(), Question.class).get("r1/q1").getPurpose())
                .isEqualTo(Purpose.ANSWER);
        send(
                topics.runs(),
                Run.class,
                Map.of("r1", Run.newBuilder().setRunId("r1").setModelId("tiny").build()));
        Ran measured = calibrant("evaluate", "--run", "r1", "--questions", labelled.toString(), "--timeout", "1");
        assertThat(measured.code()).isEqualTo(1);
        assertThat(measured.err()).contains("'q1' is that of a validation question of run 'r1'");
    }

    @Test
    void shouldNameAMissingTopic() throws Exception {
        Ran ran = calibrant("ask", "--questions", questions().toString());
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .as("the first topic that it reads: which runs were deleted")
                .isEqualTo("calibrant ask: topic " + topics.progress()
                        + " missing: create with 'calibrant topics --apply'\n");
    }

    // --- answers
    // ------------------------------------------------------------------------------------------------------

    private static Answer answer(String id, Purpose purpose, List<Double> temperature) {
        return Answer.newBuilder()
                .setQuestionId(id)
                .setRunId("r1")
                .setCheckpoint("step-5")
                .setFit("default")
                .setPosteriorVersion(3)
                .setPurpose(purpose)
                .setLabels(List.of("A", "B"))
                .setProbabilities(List.of(0.25, 0.75))
                .setMapProbabilities(List.of(0.1, 0.9))
                .setTemperatureProbabilities(temperature)
                .setCalibration(Calibration.EVIDENCE)
                .setContrastMean(List.of(-2.0))
                .setContrastCovariance(List.of(List.of(1.5)))
                .setEntropy(0.5)
                .setExpectedEntropy(0.4)
                .setMutualInformation(0.1)
                .setNovelty(0.3)
                .build();
    }

    /** Whoever wrote it: it is an answer on the topic, and what it has is shown. */
    @Test
    void shouldPrintAnAnswerWithoutProbabilities() throws Exception {
        TopicAdmin.createMissing(connection);
        Answer without = answer("w", Purpose.ANSWER, null);
        without.setProbabilities(List.of());
        without.setMapProbabilities(List.of());
        send(topics.answers(), Answer.class, Map.of("w", without));

        Ran table = calibrant("answers", "--from-beginning", "--count", "1", "--timeout", "60");
        assertThat(table.code()).isZero();
        assertThat(table.out()).containsPattern("(?m)^w +A +- +- +0\\.5000 +0\\.3000 +r1/step-5/default version 3");
        Ran json = calibrant("answers", "--from-beginning", "--count", "1", "--timeout", "60", "--json");
        assertThat(json.out()).contains("\"questionId\":\"w\"", "\"probabilities\":[],\"mapProbabilities\":[]");
    }

    @Test
    void shouldNameTheQuestionThatDoesNotFitOnTheTopic() throws Exception {
        try (Admin admin = Admin.create(connection.admin())) {
            NewTopic small =
                    new NewTopic(topics.questions(), 1, (short) 1).configs(Map.of("max.message.bytes", "10000"));
            admin.createTopics(List.of(small)).all().get();
        }
        TopicAdmin.createMissing(connection);
        Path file = Files.writeString(
                dir.resolve("large.jsonl"),
                "{\"id\":\"large\",\"question\":\"" + "x".repeat(20_000)
                        + "\",\"choices\":[{\"label\":\"A\",\"text\":\"a\"},{\"label\":\"B\",\"text\":\"b\"}]}\n");

        Ran ran = calibrant("ask", "--questions", file.toString());
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .matches("calibrant ask: record 'large' of 200\\d\\d bytes is too large for topic " + topics.questions()
                        + ", max.message.bytes 10000\n");
    }

    @Test
    void shouldPrintAnswersInTheFieldsOfTheContract() throws Exception {
        TopicAdmin.createMissing(connection);
        Answer ofAPart = answer("v", Purpose.VALIDATION, null);
        ofAPart.setCoverage(0.875);
        ofAPart.setDecision(Decision.UNSURE);
        send(topics.answers(), Answer.class, Map.of("v", ofAPart, "a", answer("a", Purpose.ANSWER, List.of(0.3, 0.7))));
        Ran ran = calibrant("answers", "--from-beginning", "--count", "1", "--timeout", "60", "--json");
        assertThat(ran.code()).isZero();
        assertThat(ran.out())
                .isEqualTo("{\"questionId\":\"a\",\"run\":\"r1\",\"checkpoint\":\"step-5\",\"fit\":\"default\","
                        + "\"posteriorVersion\":3,\"labels\":[\"A\",\"B\"],\"probabilities\":[0.25,0.75],"
                        + "\"mapProbabilities\":[0.1,0.9],\"temperatureProbabilities\":[0.3,0.7],"
                        + "\"calibration\":\"EVIDENCE\",\"contrastMean\":[-2.0],\"contrastCovariance\":[[1.5]],"
                        + "\"entropy\":0.5,\"expectedEntropy\":0.4,\"mutualInformation\":0.1,\"novelty\":0.3,"
                        + "\"tier\":\"all\"}\n");
        Ran both = calibrant(
                "answers", "--from-beginning", "--count", "2", "--timeout", "60", "--json", "--with-validation");
        assertThat(both.json()).extracting(a -> a.get("questionId").asText()).containsExactlyInAnyOrder("a", "v");
        assertThat(both.json())
                .filteredOn(a -> a.get("questionId").asText().equals("v"))
                .allMatch(a -> !a.has("temperatureProbabilities"))
                .allMatch(a -> a.get("coverage").asDouble() == 0.875)
                .allMatch(a -> a.get("decision").asText().equals("UNSURE"));
        List<String> table = calibrant(
                        "answers", "--from-beginning", "--count", "2", "--timeout", "60", "--with-validation")
                .out()
                .lines()
                .toList();
        assertThat(table.get(0)).contains("CALIBRATED");
        assertThat(table).allMatch(line -> line.startsWith("QUESTION") || line.contains("0.7500"));
        assertThat(table)
                .filteredOn(line -> line.startsWith("v"))
                .singleElement()
                .asString()
                .endsWith(", UNSURE, partial: 87.5% of its pass");
        assertThat(table).filteredOn(line -> line.contains("partial")).hasSize(1);
    }

    @Test
    void shouldExit1WhenFewerAnswersCame() throws Exception {
        TopicAdmin.createMissing(connection);
        send(topics.answers(), Answer.class, Map.of("a", answer("a", Purpose.ANSWER, null)));
        Ran ran = calibrant("answers", "--from-beginning", "--count", "2", "--timeout", "0.5", "--json");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.json()).hasSize(1);
        assertThat(ran.err()).isEqualTo("calibrant answers: 1 of 2 answers came within 0.5 s\n");
        // and from now on there is none
        assertThat(calibrant("answers", "--count", "1", "--timeout", "0.5").code())
                .isEqualTo(1);
        assertThat(calibrant("answers", "--timeout", "0.5").code()).isZero();
    }

    @Test
    void shouldReportAndSkipAnswersThatCannotBeRead() throws Exception {
        TopicAdmin.createMissing(connection);
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(topics.answers(), 0, "x", new byte[] {1, 2, 3}))
                    .get();
        }
        send(topics.answers(), Answer.class, Map.of("a", answer("a", Purpose.ANSWER, null)));
        Ran ran = calibrant("answers", "--from-beginning", "--count", "2", "--timeout", "0.5", "--json");
        assertThat(ran.json()).hasSize(1);
        assertThat(ran.err())
                .contains("skipped " + topics.answers() + "-0 at offset 0: topic " + topics.answers()
                        + ": magic byte 0x01");
    }

    @Test
    void shouldNotSeeAnswersThatWereNotCommitted() throws Exception {
        TopicAdmin.createMissing(connection);
        Map<String, Object> configs = connection.producer();
        configs.put("transactional.id", "t");
        try (KafkaProducer<String, Answer> producer =
                new KafkaProducer<>(configs, new StringSerializer(), connection.serializer(Answer.class))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topics.answers(), "a", answer("a", Purpose.ANSWER, null)))
                    .get();
            producer.abortTransaction();
            producer.beginTransaction();
            var sent = producer.send(new ProducerRecord<>(topics.answers(), "b", answer("b", Purpose.ANSWER, null)));
            producer.commitTransaction();
            sent.get();
        }
        Ran ran = calibrant("answers", "--from-beginning", "--timeout", "0", "--json");
        assertThat(ran.json()).extracting(a -> a.get("questionId").asText()).containsExactly("b");
    }

    // --- fits
    // ---------------------------------------------------------------------------------------------------------

    private static Posterior posterior(String fit, PriorStructure prior) {
        return Posterior.newBuilder()
                .setRunId("r1")
                .setCheckpoint("step-5")
                .setFit(fit)
                .setVersion(2)
                .setState(PosteriorState.COMPLETE)
                .setBatches(8)
                .setBatchesExpected(8L)
                .setPrior(prior)
                .setBlocks(List.of(new BlockPrecision("a", 1.5, 8L), new BlockPrecision("b", 2.5, 8L)))
                .setLogEvidence(-10)
                .setLogLikelihood(-5)
                .setEffectiveParameters(3)
                .setCapturedEnergy(0.9)
                .build();
    }

    private static Posterior calibrated(Posterior posterior) {
        return Posterior.newBuilder(posterior)
                .setLabels(7)
                .setTemperature(1.5)
                .setVarianceScale(0.25)
                .setVarianceTemperature(1.25)
                .setCalibration(Calibration.TEMPERATURE)
                .setTemperatureNll(0.5)
                .setVarianceNll(0.75)
                .setLabelFreeScale(0.125)
                .setLogitVariance(2.0)
                .setLogitVarianceQuestions(64)
                .setTiers(List.of(new TierMembers(
                        "forward", List.of(new CalibrationMember("noise", 1.0, 0.125, 2.0, 1.0, -7.5)))))
                .build();
    }

    /** What a posterior says of a target accuracy that counts no labelled answers. */
    private static final String NO_LABELS = "\"selective\":{\"threshold\":null,\"targetAccuracy\":0.95,"
            + "\"targetConfidence\":0.95,\"verdict\":\"TOO_FEW_LABELS\",\"labels\":0,\"accepted\":0,\"wrong\":0,"
            + "\"coverage\":0.0,\"labelsNeeded\":59},";

    @Test
    void shouldPrintFitsInTheFieldsOfTheContractAndDeleteThem() throws Exception {
        Instant start = Instant.now().minusSeconds(60);
        TopicAdmin.createMissing(connection);
        send(
                topics.posteriors(),
                Posterior.class,
                Map.of(
                        Keys.fit("r1", "step-5", "default"), posterior("default", PriorStructure.SCALAR),
                        Keys.fit("r1", "step-5", "layers"), calibrated(posterior("layers", PriorStructure.LAYERWISE))));
        send(
                topics.fits(),
                Fit.class,
                Map.of("layers", Fit.newBuilder().setFit("layers").setRun("r1").build()));
        CalibrationMetrics total = CalibrationMetrics.newBuilder()
                .setRunId("r1")
                .setCheckpoint("step-5")
                .setFit("default")
                .setWindow("total")
                .setN(0)
                .setMap(CalibrationRecords.metrics(MetricSums.NONE))
                .setCalibrated(CalibrationRecords.metrics(MetricSums.NONE))
                .setAccuracy(new EstimatedAccuracy(
                        900L, 100L, new EstimatedShare(.875, .75, 1.0), false, null, null, 900L, 270L))
                .setRecentQuestions(900)
                .setRecentUnfamiliar(270)
                .setFamiliarityAlarm(new SequentialAlarm(3.5, 1e6, 900L, Instant.parse("2026-11-25T10:00:00Z")))
                .build();
        send(topics.calibration(), CalibrationMetrics.class, Map.of("r1/step-5/default/total", total));
        Ran ran = calibrant("fits", "--json");
        assertThat(ran.json())
                .allMatch(fit -> Instant.parse(fit.get("lastHeard").asText()).isAfter(start));
        assertThat(ran.out()
                        .replaceAll("\"lastHeard\":\"[^\"]*\"", "\"lastHeard\":\"now\"")
                        .replaceAll(",\"says\":\\[.*?\"]}", "}"))
                .isEqualTo("{\"run\":\"r1\",\"checkpoint\":\"step-5\",\"fit\":\"default\",\"state\":\"COMPLETE\","
                        + "\"version\":2,\"batches\":8,\"batchesExpected\":8,\"lambda\":1.5,\"logEvidence\":-10.0,"
                        + "\"effectiveParameters\":3.0,\"temperature\":null,\"varianceScale\":null,"
                        + "\"noise\":null,\"members\":{},\"threshold\":null,"
                        + "\"capturedEnergy\":0.9,\"labels\":0,\"calibration\":\"EVIDENCE\","
                        + "\"varianceTemperature\":null,\"temperatureNll\":null,\"varianceNll\":null,"
                        + "\"objective\":\"EVIDENCE\",\"validationNll\":null," + NO_LABELS + "\"labelFreeScale\":null,"
                        + "\"logitVariance\":null,\"logitVarianceQuestions\":0,\"waitsFor\":[],"
                        + "\"coverage\":1.0,\"refit\":false,\"lastHeard\":\"now\",\"trainer\":\"UNKNOWN\","
                        + "\"estimatedAccuracy\":{\"answers\":900,\"labels\":100,\"withoutLabels\":{\"value\":0.875,"
                        + "\"lower\":0.75,\"upper\":1.0},\"holds\":false,\"withLabels\":null,\"realised\":null,"
                        + "\"judged\":900,\"unfamiliar\":270},\"recentQuestions\":900,\"recentUnfamiliar\":270,"
                        + "\"familiarityAlarm\":{\"value\":3.5,\"threshold\":1000000.0,\"n\":900,"
                        + "\"since\":\"2026-11-25T10:00:00Z\"},\"calibrationAlarm\":null}\n"
                        + "{\"run\":\"r1\",\"checkpoint\":\"step-5\",\"fit\":\"layers\",\"state\":\"COMPLETE\","
                        + "\"version\":2,\"batches\":8,\"batchesExpected\":8,\"lambda\":{\"a\":1.5,\"b\":2.5},"
                        + "\"logEvidence\":-10.0,\"effectiveParameters\":3.0,\"temperature\":1.5,"
                        + "\"varianceScale\":0.25,\"noise\":0.5,\"members\":{\"forward\":[{\"name\":\"noise\","
                        + "\"temperature\":1.0,\"scale\":0.125,\"variance\":2.0,\"weight\":1.0,"
                        + "\"logLikelihood\":-7.5}]},\"threshold\":null,\"capturedEnergy\":0.9,\"labels\":7,"
                        + "\"calibration\":\"TEMPERATURE\",\"varianceTemperature\":1.25,\"temperatureNll\":0.5,"
                        + "\"varianceNll\":0.75,\"objective\":\"EVIDENCE\","
                        + "\"validationNll\":null," + NO_LABELS + "\"labelFreeScale\":0.125,\"logitVariance\":2.0,"
                        + "\"logitVarianceQuestions\":64,\"waitsFor\":[],\"coverage\":1.0,\"refit\":true,"
                        + "\"lastHeard\":\"now\",\"trainer\":\"UNKNOWN\","
                        + "\"estimatedAccuracy\":null,\"recentQuestions\":0,\"recentUnfamiliar\":0,"
                        + "\"familiarityAlarm\":null,\"calibrationAlarm\":null}\n");
        assertThat(ran.json().get(0).get("says"))
                .extracting(JsonNode::asText)
                .contains(
                        "Of the last 900 questions 30.0% were unfamiliar, where 5% or fewer are usual.",
                        "Alarm: the questions are of another kind than the training questions since"
                                + " 2026-11-25T10:00:00Z.");
        assertThat(calibrant("fits").out())
                .contains("\nr1/step-5/default:\n", "  Without labels 87.5% [75.0, 100.0] of 900 answers are expected");

        Ran unknown = calibrant("fits", "--delete", "layerz");
        assertThat(unknown.code()).isEqualTo(1);
        assertThat(unknown.err()).contains("--delete must be one of default, layers, got 'layerz'");

        Ran live = calibrant("fits", "--delete", "default");
        assertThat(live.code()).isEqualTo(1);
        assertThat(live.err())
                .contains(
                        "--delete must be a refit, or a live fit with --force: scorers may be serving a live one, got")
                .contains("'default'")
                .hasLineCount(1);
        assertThat(calibrant("fits", "--delete", "layers").code()).isZero();
        assertThat(latest(topics.fits(), Fit.class)).isEmpty();
        assertThat(calibrant("fits", "--json").json())
                .extracting(fit -> fit.get("fit").asText())
                .containsExactly("default");
        assertThat(tombstones(topics.factors())).containsExactlyInAnyOrder("r1/step-5/a/layers", "r1/step-5/b/layers");
    }

    // --- runs
    // ---------------------------------------------------------------------------------------------------------

    private static Progress progress(String run, Phase phase, Instant time) {
        return Progress.newBuilder()
                .setRunId(run)
                .setPhase(phase)
                .setCheckpoint(phase == Phase.FINE_TUNING ? null : "step-5")
                .setStep(3)
                .setSteps(5)
                .setSource("0/2")
                .setTimestamp(time)
                .build();
    }

    @Test
    void shouldListRunsAndDeleteOneWithAllThatBelongsToIt() throws Exception {
        TopicAdmin.createMissing(connection);
        Instant longAgo = Instant.ofEpochSecond(1_700_000_000);
        for (String run : List.of("r1", "r2")) {
            send(
                    topics.runs(),
                    Run.class,
                    Map.of(run, Run.newBuilder().setRunId(run).build()));
            Posterior made = Posterior.newBuilder(posterior("default", PriorStructure.SCALAR))
                    .setRunId(run)
                    .build();
            send(topics.posteriors(), Posterior.class, Map.of(Keys.fit(run, "step-5", "default"), made));
        }
        send(topics.progress(), Progress.class, Map.of("r1", progress("r1", Phase.FINE_TUNING, longAgo)));
        send(topics.progress(), Progress.class, Map.of("r2", progress("r2", Phase.DONE, longAgo)));
        List<JsonNode> runs = calibrant("runs", "--json").json();
        assertThat(runs)
                .extracting(
                        run -> run.get("run").asText() + " " + run.get("state").asText() + " "
                                + run.get("started").asText() + " " + run.get("checkpoints") + " " + run.get("fits"))
                .containsExactly(
                        "r1 SILENT 2023-11-14T22:13:20Z [\"step-5\"] [\"default\"]",
                        "r2 DONE 2023-11-14T22:13:20Z [\"step-5\"] [\"default\"]");
        assertThat(calibrant("runs").out()).contains(" days at step 3/5", "done ");

        Question asked = Question.newBuilder()
                .setStem("Is it day?")
                .setChoices(List.of(new Choice("A", "yes"), new Choice("B", "no")))
                .setRun("r1")
                .setQuestionId("0")
                .build();
        send(topics.questions(), Question.class, Map.of("r1/0", asked));
        QuestionText other = QuestionText.of(
                Question.newBuilder(asked).setStem("Is it night?").build());
        assertThat(AskedQuestions.read(connection).otherText("0", "r1", other)).isPresent();

        Ran unknown = calibrant("runs", "--delete", "r3");
        assertThat(unknown.code()).isEqualTo(1);
        assertThat(unknown.err()).isEqualTo("calibrant runs: --delete must be one of r1, r2, got 'r3'\n");

        Ran deleted = calibrant("runs", "--delete", "r1");
        assertThat(deleted.code()).as(deleted.err()).isZero();
        assertThat(deleted.err())
                .contains("removed 1 record of topic " + topics.posteriors())
                .endsWith("run 'r1' is deleted, and its name is free\n");
        assertThat(latest(topics.runs(), Run.class)).containsOnlyKeys("r2");
        assertThat(latest(topics.posteriors(), Posterior.class)).containsOnlyKeys("r2/step-5/default");
        assertThat(calibrant("runs", "--json").json())
                .extracting(run -> run.get("run").asText())
                .containsExactly("r2");
        assertThat(latest(topics.progress(), Progress.class).get("r1").getDeleted())
                .isZero();
        assertThat(AskedQuestions.read(connection).otherText("0", "r1", other))
                .as("its questions' ids are free as well")
                .isEmpty();
    }

    private List<String> tombstones(String topic) {
        List<String> keys = new ArrayList<>();
        TopicReading.of(connection)
                .records(topic, Factor.class, each -> {
                    if (each.value() == null) {
                        keys.add(each.key());
                    }
                })
                .readToEnd();
        return keys;
    }

    // --- nobody there
    // -------------------------------------------------------------------------------------------------

    @Test
    void shouldNameABrokerThatDoesNotAnswerWithin30Seconds() throws Exception {
        String questions = questions().toString();
        long start = System.nanoTime();
        // at once, since each waits for its patience to end
        Map<String, CompletableFuture<Ran>> all = Map.of(
                "ask", atNoBroker("ask", "--questions", questions),
                "fit", atNoBroker("fit", "--state-dir", dir.toString()));
        for (Map.Entry<String, CompletableFuture<Ran>> each : all.entrySet()) {
            Ran ran = each.getValue().get();
            assertThat(ran.code()).isEqualTo(1);
            assertThat(ran.err())
                    .contains("calibrant " + each.getKey() + ": broker 127.0.0.1:1 does not answer")
                    .hasLineCount(1);
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
    }

    @Test
    void shouldNameARegistryThatDoesNotAnswerWithin30Seconds() {
        long start = System.nanoTime();
        Ran ran = calibrant("answers", "--schema-registry", "http://127.0.0.1:1");
        assertThat(ran.code()).isEqualTo(1);
        assertThat(ran.err())
                .isEqualTo("calibrant answers: registry http://127.0.0.1:1 cannot be reached: connection refused\n");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
    }

    private CompletableFuture<Ran> atNoBroker(String... command) {
        String[] all = Stream.concat(Arrays.stream(command), Stream.of("--bootstrap-server", "127.0.0.1:1"))
                .toArray(String[]::new);
        return CompletableFuture.supplyAsync(() -> calibrant(all));
    }
}
