package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.BlockProjections;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.scorer.TinyModel;
import io.calibrant.scorer.TinyRun;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.SharedCluster;
import io.calibrant.trainer.capture.Autograd;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** The question/answer service through the real broker and registry, each test on topics of its own. */
class ScorerIT {
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    @TempDir
    private static Path dir;

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Scorer> running = new ArrayList<>();
    private final Seen seen = new Seen();
    private Connection connection;

    @BeforeAll
    static void writeModel() throws Exception {
        TinyModel.write(dir.resolve("model"));
    }

    @BeforeEach
    void createTopics(TestInfo test) {
        connection = SharedCluster.connection(test.getTestMethod().orElseThrow().getName());
        TopicAdmin.createMissing(connection);
    }

    @AfterEach
    void stopScorers() throws Exception {
        running.forEach(Scorer::close);
        threads.shutdown();
        assertThat(threads.awaitTermination(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void shouldSendEveryBadQuestionToTheDeadLettersOnceAndAnswerTheNext() throws Exception {
        publish(new TinyRun(connection, true, List.of("A", "B", "C", "D")));
        Map<String, byte[]> bad = new LinkedHashMap<>();
        bad.put("one-choice", bytes(question("A")));
        bad.put("257-choices", bytes(question(labels(257))));
        bad.put("duplicate", bytes(question("A", "B", "A")));
        bad.put("two-tokens", bytes(question("A", "red green")));
        bad.put("not-of-the-head", bytes(question("A", "Z")));
        Question tooLong = question("A", "B");
        tooLong.setStem("word ".repeat(TinyModel.CONTEXT));
        bad.put("too-long", bytes(tooLong));
        byte[] good = bytes(question("A", "B"));
        bad.put("truncated", Arrays.copyOf(good, good.length - 5));
        bad.put("magic", with(good, 0, 0x2a));
        bad.put("unknown-schema", with(good, 1, 0x7f));
        bad.put("not-utf-8", with(good, new String(good, StandardCharsets.ISO_8859_1).indexOf("which"), 0xff));
        List<String> good2 = new ArrayList<>();
        List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
        bad.forEach((key, value) -> {
            // All in one partition: the next question is the next record.
            all.add(new ProducerRecord<>(connection.topics().questions(), 0, utf8(key), value));
            good2.add("after-" + key);
            all.add(new ProducerRecord<>(connection.topics().questions(), 0, utf8("after-" + key), good));
        });
        all.add(new ProducerRecord<>(connection.topics().questions(), 0, null, good));
        // Without choices it has the run's labels.
        all.add(new ProducerRecord<>(connection.topics().questions(), 0, utf8("no-choices"), bytes(question())));
        good2.add("no-choices");
        all.add(new ProducerRecord<>(connection.topics().questions(), 0, utf8("last"), good));
        good2.add("last");
        send(all);

        start();

        await().atMost(PATIENCE).until(() -> answers().size() >= good2.size());
        assertThat(answers()).extracting(Answer::getQuestionId).containsExactlyInAnyOrderElementsOf(good2);
        assertThat(answer("no-choices").getLabels()).containsExactly("A", "B", "C", "D");
        List<ConsumerRecord<byte[], byte[]>> letters =
                CommittedRecords.raw(connection, connection.topics().scorerDeadLetters());
        assertThat(letters).hasSize(bad.size() + 1);
        Map<String, String> reasons = new LinkedHashMap<>();
        for (ConsumerRecord<byte[], byte[]> letter : letters) {
            if (letter.key() == null) {
                assertThat(letter.value()).isEqualTo(good);
                reasons.put("null", header(letter, "message"));
                continue;
            }
            String key = new String(letter.key(), StandardCharsets.UTF_8);
            assertThat(letter.value()).as(key).isEqualTo(bad.get(key));
            assertThat(header(letter, "topic")).isEqualTo(connection.topics().questions());
            assertThat(header(letter, "partition")).isEqualTo("0");
            assertThat(header(letter, "exception")).isNotBlank();
            reasons.put(key, header(letter, "message"));
        }
        assertThat(reasons.get("one-choice")).contains("choices must be 2 to 256, got 1");
        assertThat(reasons.get("257-choices")).contains("choices must be 2 to 256, got 257");
        assertThat(reasons.get("duplicate")).contains("choices must be distinct in their labels, got 'A' twice");
        assertThat(reasons.get("two-tokens")).contains("'red green'", "2 tokens");
        assertThat(reasons.get("not-of-the-head")).contains("must be one of the run's", "got 'Z'");
        assertThat(reasons.get("too-long"))
                .contains("must be at most " + TinyModel.CONTEXT + " tokens, the model's context");
        assertThat(reasons.get("truncated")).contains("truncated");
        assertThat(reasons.get("magic")).contains("magic byte 0x2a");
        assertThat(reasons.get("unknown-schema")).contains("schema id");
        assertThat(reasons.get("not-utf-8")).contains("UTF-8");
        assertThat(reasons.get("null")).contains("key must be the question's id, a string, got nothing");
    }

    @Test
    void shouldTakeNoQuestionBeforeAPosteriorIsCompleteAndChangeToANewerOneBetweenPolls() throws Exception {
        send("early", question("A", "B", "C"));
        Scorer scorer = start();
        await().atMost(PATIENCE).until(() -> seen.reasons.stream().anyMatch(r -> r.contains("not on the topics")));
        TinyRun run = new TinyRun(connection, false, List.of("A", "B", "C", "D"));
        run.publishRun("");
        run.publishAdapter();
        run.publishFactors();
        run.publishPosterior(1, PosteriorState.LIVE, 2);
        await().atMost(PATIENCE).until(() -> seen.reasons.stream().anyMatch(r -> r.contains("6 of 7 batches")));
        assertThat(scorer.obstacle()).contains("no-posterior");
        assertThat(scorer.served()).isEmpty();
        assertThat(answers()).isEmpty();

        run.publishPosterior(2, PosteriorState.COMPLETE, 2);
        await().atMost(PATIENCE).until(() -> answers().size() == 1);
        assertThat(scorer.obstacle()).isEmpty();
        assertThat(scorer.served()).extracting(Posterior::getVersion).containsExactly(2L);
        run.publishPosterior(3, PosteriorState.COMPLETE, 1e9);
        await().atMost(PATIENCE).until(() -> seen.versions.contains(3L));
        send("late", question("A", "B", "C"));
        await().atMost(PATIENCE).until(() -> answers().size() == 2);

        Answer early = answer("early");
        Answer late = answer("late");
        assertThat(early.getPosteriorVersion()).isEqualTo(2);
        assertThat(late.getPosteriorVersion()).isEqualTo(3);
        // The same question: only the posterior differs. A prior this tight leaves the MAP answer.
        assertThat(late.getMapProbabilities()).isEqualTo(early.getMapProbabilities());
        for (int c = 0; c < 3; c++) {
            assertThat(late.getProbabilities().get(c))
                    .isEqualTo(late.getMapProbabilities().get(c), within(1e-6));
        }
        assertThat(late.getNovelty()).isEqualTo(1, within(1e-3));
        assertThat(early.getNovelty()).isPositive().isLessThan(late.getNovelty());
    }

    @Test
    void shouldAnswerAnyNumberOfChoicesWithAllThatTheContractSays() throws Exception {
        publish(new TinyRun(connection, false, List.of("A", "B")));
        // Mixed in one poll; labels beyond the run's, since its head is not adapted.
        send("two", question("A", "B"));
        send("twenty-six", question(labels(26)));
        Question trueFalse = question("True", "False");
        trueFalse.setContext("red green");
        trueFalse.setPurpose(Purpose.VALIDATION);
        send("true-false", trueFalse);
        send("reordered", question("B", "A"));
        send("five", question("E", "D", "C", "B", "A"));
        start();
        await().atMost(PATIENCE).until(() -> answers().size() >= 5);

        assertThat(answers())
                .extracting(Answer::getQuestionId)
                .containsExactlyInAnyOrder("two", "twenty-six", "true-false", "reordered", "five");
        assertThat(answer("true-false").getPurpose()).isEqualTo(Purpose.VALIDATION);
        assertThat(answer("five").getLabels()).containsExactly("E", "D", "C", "B", "A");
        for (Answer answer : answers()) {
            assertWhole(answer);
        }
        // A prompt says its choices in their order, so the reordered one is another question to the model; its contract
        // holds.
        assertThat(answer("reordered").getLabels()).containsExactly("B", "A");
        assertThat(CommittedRecords.raw(connection, connection.topics().scorerDeadLetters()))
                .isEmpty();
    }

    private static void assertWhole(Answer answer) {
        int classes = answer.getLabels().size();
        assertThat(answer.getRunId()).isEqualTo(TinyRun.RUN);
        assertThat(answer.getCheckpoint()).isEqualTo(TinyRun.CHECKPOINT);
        assertThat(answer.getFit()).isEqualTo("default");
        assertThat(answer.getTier()).isEqualTo("all");
        assertThat(answer.getTemperatureProbabilities()).isNull();
        assertThat(answer.getProbabilities()).hasSize(classes);
        assertThat(answer.getMapProbabilities()).hasSize(classes);
        assertThat(sum(answer.getProbabilities())).isEqualTo(1, within(1e-12));
        assertThat(sum(answer.getMapProbabilities())).isEqualTo(1, within(1e-12));
        double[] mean = doubles(answer.getContrastMean());
        double[][] covariance =
                answer.getContrastCovariance().stream().map(ScorerIT::doubles).toArray(double[][]::new);
        assertThat(mean).hasSize(classes - 1);
        // A consumer can apply a link of its own to what the answer carries: ours gives the same.
        var prediction = Link.monteCarlo().predict(mean, covariance);
        assertThat(doubles(answer.getProbabilities())).isEqualTo(prediction.probabilities());
        assertThat(answer.getMutualInformation()).isNotNegative();
        assertThat(answer.getEntropy() - answer.getExpectedEntropy())
                .isEqualTo(answer.getMutualInformation(), within(1e-12));
        assertThat(answer.getNovelty()).isPositive().isLessThanOrEqualTo(1);
    }

    @Test
    void shouldAnswerWithTheLinkAndThePointsItIsTold() throws Exception {
        publish(new TinyRun(connection, true, List.of("A", "B", "C", "D")));
        ScorerSettings defaults = settings();
        Map<String, double[]> answered = new LinkedHashMap<>();
        for (LinkFunction function : LinkFunction.values()) {
            for (int points : new int[] {64, 8192}) {
                String id = function + "-" + points;
                Scorer scorer = start(
                        defaults.with(defaults.answering().withLink(function).withPoints(points)));
                send(id, question("A", "B", "C", "D"));
                await().atMost(PATIENCE)
                        .until(() -> answers().stream()
                                .anyMatch(a -> a.getQuestionId().equals(id)));
                scorer.close();
                Answer answer = answer(id);
                double[] expected = new Link(function, points, 0)
                        .predict(
                                doubles(answer.getContrastMean()),
                                answer.getContrastCovariance().stream()
                                        .map(ScorerIT::doubles)
                                        .toArray(double[][]::new))
                        .probabilities();
                assertThat(doubles(answer.getProbabilities())).as(id).containsExactly(expected, within(1e-12));
                answered.put(id, expected);
            }
        }
        // The same question all along: what differs is what the scorer was told.
        for (String[] pair : new String[][] {
            {"MC-64", "MC-8192"},
            {"MC-8192", "MEAN_FIELD-8192"},
            {"MC-8192", "PROBIT-8192"},
            {"MEAN_FIELD-8192", "PROBIT-8192"}
        }) {
            assertThat(answered.get(pair[0]))
                    .as(String.join(" and ", pair))
                    .usingComparatorWithPrecision(1e-4)
                    .isNotEqualTo(answered.get(pair[1]));
        }
        assertThat(answered.get("PROBIT-64")).isEqualTo(answered.get("PROBIT-8192"));
    }

    @Test
    void shouldAnswerEachQuestionOnceWhoeverTakesItAndHoweverOftenItRestarts() throws Exception {
        publish(new TinyRun(connection, true, List.of("A", "B", "C", "D")));
        List<String> asked = new ArrayList<>();
        Scorer first = start();
        for (int i = 0; i < 30; i++) {
            send("first-" + i, question("A", "B", "C"));
            asked.add("first-" + i);
        }
        await().atMost(PATIENCE).until(() -> !answers().isEmpty());
        start();
        for (int i = 0; i < 60; i++) {
            send("second-" + i, question("D", "C"));
            asked.add("second-" + i);
        }
        first.close();
        for (int i = 0; i < 30; i++) {
            send("third-" + i, question("A", "B", "C", "D"));
            asked.add("third-" + i);
        }
        start();
        await().atMost(PATIENCE).until(() -> answers().size() >= asked.size());
        send("end", question("A", "B"));
        asked.add("end");
        await().atMost(PATIENCE).until(() -> answers().size() >= asked.size());
        assertThat(answers()).extracting(Answer::getQuestionId).containsExactlyInAnyOrderElementsOf(asked);
    }

    @Test
    void shouldAnswerWithTheRunAndTheFitThatAQuestionNames() throws Exception {
        List<String> labels = List.of("A", "B", "C");
        publish(new TinyRun(connection, "one", "step-3", "default", false, labels));
        TinyRun other = new TinyRun(connection, "one", "step-3", "other", false, labels);
        other.publishFactors();
        other.publishPosterior(7, PosteriorState.COMPLETE, 30);
        TinyRun live = new TinyRun(connection, "one", "step-3", "live", false, labels);
        live.publishFactors();
        live.publishPosterior(3, PosteriorState.LIVE, 2);
        TinyRun part = new TinyRun(connection, "one", "step-3", "part", false, labels);
        part.publishFactors();
        part.publishPosterior(9, PosteriorState.PARTIAL, 30); // the newest, and never as the latest complete one
        publish(new TinyRun(connection, "two", "step-9", "default", true, labels));
        new TinyRun(connection, "elsewhere", "step-3", "default", false, labels).publishRun("");
        start(settings(List.of("one", "two"), "default", Tier.ALL, 1));
        Map<String, String[]> asked = new LinkedHashMap<>();
        asked.put("nothing", new String[] {null, null});
        asked.put("run-one", new String[] {"one", null});
        asked.put("run-two", new String[] {"two", null});
        asked.put("fit-other", new String[] {null, "other"});
        asked.put("fit-part", new String[] {"one", "part"});
        asked.put("latest", new String[] {"one", "latest-complete"});
        asked.put("run-elsewhere", new String[] {"elsewhere", null}); // another scorer's
        asked.put("run-unheard", new String[] {"unheard", null});
        asked.put("fit-unheard", new String[] {"two", "unheard"});
        asked.put("fit-live", new String[] {"one", "live"});
        for (Map.Entry<String, String[]> each : asked.entrySet()) {
            Question question = question("A", "B", "C");
            question.setRun(each.getValue()[0]);
            question.setFit(each.getValue()[1]);
            send(each.getKey(), question);
        }
        // The last one of all partitions: what comes before it is done.
        await().atMost(PATIENCE)
                .until(() -> answers().size() >= 6
                        && read(connection.topics().scorerDeadLetters()).size() >= 3);

        Map<String, String> answered = new TreeMap<>();
        answers()
                .forEach(answer -> answered.put(
                        answer.getQuestionId(),
                        answer.getRunId() + "/" + answer.getCheckpoint() + "/" + answer.getFit() + "/"
                                + answer.getPosteriorVersion()));
        assertThat(answered)
                .isEqualTo(Map.of(
                        "nothing", "one/step-3/default/1",
                        "run-one", "one/step-3/default/1",
                        "run-two", "two/step-9/default/1",
                        "fit-other", "one/step-3/other/7",
                        "fit-part", "one/step-3/part/9",
                        "latest", "one/step-3/other/7"));
        // that one rests on a part of its pass it says, and only that one
        assertThat(answers())
                .allSatisfy(answer -> assertThat(answer.getCoverage())
                        .as(answer.getQuestionId())
                        .isEqualTo(answer.getQuestionId().equals("fit-part") ? 6.0 / 7 : 1));
        assertThat(seen.partial).containsOnly("part");
        Map<String, String> reasons = reasons();
        assertThat(reasons).containsOnlyKeys("run-unheard", "fit-unheard", "fit-live");
        assertThat(reasons.get("run-unheard")).contains("run must be one on topic ", "got 'unheard'");
        assertThat(reasons.get("fit-unheard")).contains("run 'two' has no posterior of fit 'unheard'", "[default]");
        assertThat(reasons.get("fit-live")).contains("is not complete in fit 'live'", "6 of 7 batches");
        // Another fit is the same adapter, another run is not; up to what a batch rounds.
        assertThat(doubles(answer("nothing").getMapProbabilities()))
                .containsExactly(doubles(answer("fit-other").getMapProbabilities()), within(1e-5))
                .usingComparatorWithPrecision(1e-3)
                .isNotEqualTo(doubles(answer("run-two").getMapProbabilities()));
    }

    @Test
    void shouldAnswerAtTheTierThatAQuestionNamesAndMeasureValidationQuestions() throws Exception {
        publish(new TinyRun(connection, false, List.of("A", "B", "C")));
        start(settings(List.of(TinyRun.RUN), "default", Tier.LAST_LAYER, 1));
        for (String tier : List.of("all", "last-layer", "map", "none", "")) {
            Question question = question("A", "B", "C");
            question.setTier(tier);
            send(tier.isEmpty() ? "unnamed" : tier, question);
        }
        Question validation = question("A", "B", "C");
        validation.setPurpose(Purpose.VALIDATION);
        send("validation", validation);
        Question plain = question("A", "B", "C");
        plain.setPurpose(Purpose.VALIDATION);
        plain.setTier("map");
        send("validation-map", plain);
        await().atMost(PATIENCE).until(() -> answers().size() >= 6 && !reasons().isEmpty());

        assertThat(reasons()).containsOnlyKeys("none");
        assertThat(reasons().get("none")).isEqualTo("tier must be all, last-layer, forward or map, got 'none'");
        Map<String, String> tiers = new TreeMap<>();
        answers().forEach(answer -> tiers.put(answer.getQuestionId(), answer.getTier()));
        assertThat(tiers)
                .isEqualTo(Map.of(
                        "all", "all",
                        "last-layer", "last-layer",
                        "map", "map",
                        "unnamed", "last-layer",
                        "validation", "all",
                        "validation-map", "map"));
        Answer map = answer("map");
        assertThat(map.getProbabilities()).isEqualTo(map.getMapProbabilities());
        assertThat(map.getContrastCovariance()).isEqualTo(List.of(List.of(0.0, 0.0), List.of(0.0, 0.0)));
        assertThat(map.getMutualInformation()).isZero();
        assertThat(map.getExpectedEntropy()).isEqualTo(map.getEntropy());
        assertThat(map.getNovelty()).isEqualTo(1);
        double some = answer("last-layer").getContrastCovariance().get(0).get(0);
        assertThat(some)
                .isPositive()
                .isLessThan(answer("all").getContrastCovariance().get(0).get(0));
        for (String tier : List.of("all", "map")) {
            for (int c = 0; c < 2; c++) {
                assertThat(answer(tier).getContrastMean().get(c))
                        .isEqualTo(answer("last-layer").getContrastMean().get(c), within(1e-6));
            }
        }
        List<ConsumerRecord<byte[], byte[]>> measured = read(connection.topics().predictiveStatistics());
        assertThat(measured).hasSize(1);
        assertThat(seen.sizes).containsExactly(measured.get(0).value().length);
        PredictiveStatistics statistics = connection
                .deserializer(PredictiveStatistics.class)
                .deserialize(measured.get(0).topic(), measured.get(0).value());
        assertThat(statistics.getQuestionId()).isEqualTo("validation");
        assertThat(statistics.getLabels()).containsExactly("A", "B", "C");
        assertThat(statistics.getPosteriorVersion()).isEqualTo(1);
        assertCovariance(statistics, answer("validation"), 2);
    }

    /** What the fitter makes of the statistics is what the answer says, at the prior precision of the posterior. */
    private void assertCovariance(PredictiveStatistics statistics, Answer answer, double lambda) {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B", "C"));
        Posterior posterior = run.posterior(1, PosteriorState.COMPLETE, lambda).build();
        double[][] covariance = new double[2][2];
        assertThat(statistics.getBlocks()).hasSize(4);
        for (BlockProjections block : statistics.getBlocks()) {
            BlockPosterior of = FactorRecords.posterior(run.factors().get(block.getBlock()), posterior);
            assertThat(block.getBatches()).isEqualTo(7);
            assertThat(block.getProjections().getShape()).isEqualTo(List.of(2, 2, of.kept()));
            assertThat(block.getRest().getShape()).isEqualTo(List.of(0, 2, 2)); // kept in full
            float[] p = Tensors.floats(block.getProjections());
            for (int c = 0; c < 2; c++) {
                for (int e = 0; e < 2; e++) {
                    for (int j = 0; j < 2; j++) {
                        for (int i = 0; i < of.kept(); i++) {
                            covariance[c][e] += (double) p[(c * 2 + j) * of.kept() + i]
                                    * p[(e * 2 + j) * of.kept() + i]
                                    / of.precision(i, j);
                        }
                    }
                }
            }
        }
        for (int c = 0; c < 2; c++) {
            for (int e = 0; e < 2; e++) {
                assertThat(covariance[c][e])
                        .isEqualTo(
                                answer.getContrastCovariance().get(c).get(e),
                                within(1e-5 * Math.sqrt(covariance[0][0] * covariance[1][1])));
            }
        }
    }

    @Test
    void shouldServeWhatThePosteriorsCalibrationSays() throws Exception {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B", "C"));
        publish(run);
        start();
        send("evidence", question("A", "B", "C"));
        await().atMost(PATIENCE).until(() -> answers().size() == 1);
        run.publish(run.posterior(2, PosteriorState.COMPLETE, 2)
                .setTemperature(2.5)
                .setLabels(60)
                .setCalibration(Calibration.TEMPERATURE)
                .build());
        await().atMost(PATIENCE).until(() -> seen.versions.contains(2L));
        send("temperature", question("A", "B", "C"));
        await().atMost(PATIENCE).until(() -> answers().size() == 2);
        run.publish(run.posterior(3, PosteriorState.COMPLETE, 2)
                .setTemperature(2.5)
                .setVarianceTemperature(2.0)
                .setVarianceScale(0.05)
                .setLabels(70)
                .setCalibration(Calibration.TEMPERATURE_VARIANCE)
                .build());
        await().atMost(PATIENCE).until(() -> seen.versions.contains(3L));
        send("both", question("A", "B", "C"));
        await().atMost(PATIENCE).until(() -> answers().size() == 3);

        Answer evidence = answer("evidence");
        Answer temperature = answer("temperature");
        Answer both = answer("both");
        assertThat(evidence.getCalibration()).isEqualTo(Calibration.EVIDENCE);
        assertThat(evidence.getTemperatureProbabilities()).isNull();
        assertThat(temperature.getCalibration()).isEqualTo(Calibration.TEMPERATURE);
        assertThat(both.getCalibration()).isEqualTo(Calibration.TEMPERATURE_VARIANCE);
        // Mean and covariance are raw whatever is served.
        for (Answer answer : List.of(temperature, both)) {
            assertThat(answer.getContrastMean()).isEqualTo(evidence.getContrastMean());
            assertThat(answer.getContrastCovariance()).isEqualTo(evidence.getContrastCovariance());
            assertThat(answer.getMapProbabilities()).isEqualTo(evidence.getMapProbabilities());
            assertThat(answer.getNovelty()).isEqualTo(evidence.getNovelty());
            assertThat(answer.getEntropy() - answer.getExpectedEntropy())
                    .isEqualTo(answer.getMutualInformation(), within(1e-12));
            assertThat(answer.getMutualInformation()).isPositive();
        }
        double[] mean = doubles(evidence.getContrastMean());
        double[] logits = Arrays.copyOf(mean, 3);
        assertThat(doubles(temperature.getProbabilities()))
                .containsExactly(TemperatureScaling.probabilities(logits, 2.5), within(1e-12));
        assertThat(both.getTemperatureProbabilities())
                .isEqualTo(temperature.getTemperatureProbabilities())
                .isEqualTo(temperature.getProbabilities());
        double[][] scaled = evidence.getContrastCovariance().stream()
                .map(row -> row.stream().mapToDouble(v -> 0.05 * v).toArray())
                .toArray(double[][]::new);
        double[] halved = Arrays.stream(mean).map(y -> y / 2).toArray();
        assertThat(doubles(both.getProbabilities()))
                .containsExactly(Link.monteCarlo().predict(halved, scaled).probabilities(), within(1e-12));
    }

    /** They are sent when a fit is complete; a scorer that has not read of it yet must not answer with an older one. */
    @Test
    void shouldAnswerAValidationQuestionWithThePosteriorThatWasThereWhenItWasAsked() throws Exception {
        List<String> labels = List.of("A", "B");
        new TinyRun(connection, TinyRun.RUN, "step-0", "default", false, labels).publish();
        start();
        for (int i = 1; i <= 5; i++) {
            TinyRun next = new TinyRun(connection, TinyRun.RUN, "step-" + i, "default", false, labels);
            next.publishAdapter();
            next.publishFactors();
            next.publishPosterior(i + 1, PosteriorState.COMPLETE, 2);
            Question question = question("A", "B");
            question.setPurpose(Purpose.VALIDATION);
            send("v" + i, question);
        }
        await().atMost(PATIENCE).until(() -> answers().size() == 5);
        for (int i = 1; i <= 5; i++) {
            int asked = i;
            assertThat(answer("v" + i).getCheckpoint())
                    .satisfies(checkpoint -> assertThat(Integer.parseInt(checkpoint.substring(5)))
                            .isGreaterThanOrEqualTo(asked));
        }
    }

    @Test
    void shouldTakeNoQuestionWhileItsFitIsDeleted() throws Exception {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B"));
        publish(run);
        Scorer scorer = start();
        send("before", question("A", "B"));
        await().atMost(PATIENCE).until(() -> answers().size() == 1);
        run.removePosterior();
        await().atMost(PATIENCE)
                .until(() ->
                        seen.reasons.stream().anyMatch(reason -> reason.contains("no posterior of fit 'default'")));
        assertThat(scorer.obstacle()).contains("no-posterior");
        assertThat(scorer.served()).isEmpty();
        send("meanwhile", question("A", "B"));
        assertThat(answers()).hasSize(1);
        run.publishPosterior(5, PosteriorState.COMPLETE, 3);
        await().atMost(PATIENCE).until(() -> answers().size() == 2);
        assertThat(answer("meanwhile").getPosteriorVersion()).isEqualTo(5);
        assertThat(reasons()).isEmpty();
    }

    @Test
    void shouldAnswerOnSeveralThreadsWithOneCopyOfTheModel() throws Exception {
        publish(new TinyRun(connection, false, List.of("A", "B", "C", "D")));
        int mathThreads = Autograd.mathThreads();
        start(settings(List.of(TinyRun.RUN), "default", Tier.ALL, 3));
        List<String> asked = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            asked.add("q" + i);
        }
        for (String id : asked) {
            send(id, id.length() % 2 == 0 ? question("A", "B", "C") : question("D", "C"));
        }
        // A label that is new to the run, while the others go on.
        send("new", question("X", "Y"));
        asked.add("new");
        await().atMost(PATIENCE).until(() -> answers().size() >= asked.size());
        assertThat(answers()).extracting(Answer::getQuestionId).containsExactlyInAnyOrderElementsOf(asked);
        // The same question, the same answer, whichever thread gave it.
        Answer first = answer("q0");
        Answer second = answer("q1");
        assertThat(second.getContrastMean()).isNotNull();
        for (int c = 0; c < first.getContrastMean().size(); c++) {
            assertThat(second.getContrastMean().get(c))
                    .isEqualTo(first.getContrastMean().get(c), within(1e-5));
        }
        assertThat(seen.polls.stream()
                        .mapToInt(ScorerListener.Committed::answered)
                        .sum())
                .isEqualTo(asked.size());
        assertThat(seen.polls).allMatch(poll -> poll.tokens() > poll.padding());
        assertThat(seen.mathThreads).containsOnly(Math.max(1, mathThreads / 3));
    }

    /** Every start reads the topics anew, and finds the record again. */
    @Test
    void shouldDeadLetterARecordThatItCannotServeOnceAndAnswerWithTheOneBeforeIt() throws Exception {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B"));
        publish(run);
        String key = "tiny/step-3/" + run.adapter().keySet().iterator().next();
        send(List.of(new ProducerRecord<>(connection.topics().adapters(), utf8(key), utf8("junk"))));
        run.publishPosterior(2, PosteriorState.COMPLETE, Double.NaN);
        for (int i = 1; i <= 2; i++) {
            Scorer scorer = start();
            send("q" + i, question("A", "B"));
            int asked = i;
            await().atMost(PATIENCE).until(() -> answers().size() == asked);
            scorer.close();
            assertThat(answer("q" + i).getPosteriorVersion()).isEqualTo(1);
        }
        await().atMost(PATIENCE).until(() -> reasons().size() == 2);
        assertThat(reasons().get(key)).contains("magic byte");
        assertThat(reasons().get("tiny/step-3/default")).contains("lambda of block", "above 0 and finite, got NaN");
    }

    /** Else it would wait for questions in silence; a broker that creates topics would make the topic of its own. */
    @Test
    void shouldNameATopicThatIsDeletedUnderIt() throws Exception {
        try (Scorer scorer = new Scorer(connection, settings(), seen)) {
            Future<?> serving = threads.submit(scorer::run);
            await().atMost(PATIENCE).until(() -> !seen.reasons.isEmpty());
            try (Admin admin = Admin.create(connection.admin())) {
                admin.deleteTopics(List.of(connection.topics().questions()))
                        .all()
                        .get();
            }
            assertThatThrownBy(() -> serving.get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .cause()
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("topic " + connection.topics().questions()
                            + " was deleted under a running 'calibrant score'")
                    .hasMessageContaining("calibrant topics --apply");
        }
    }

    @Test
    void shouldRefuseAnotherBaseModelThanTheRuns() {
        TinyRun run = new TinyRun(connection, true, List.of("A", "B"));
        run.publishRun("sha256:0123");
        run.publishAdapter();
        run.publishFactors();
        run.publishPosterior(1, PosteriorState.COMPLETE, 2);
        try (Scorer scorer = new Scorer(connection, settings(), ScorerListener.SILENT)) {
            assertThatThrownBy(scorer::run)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("--model")
                    .hasMessageContaining("sha256:0123");
        }
    }

    private static ScorerSettings settings() {
        return ScorerSettings.of(TinyRun.RUN, dir.resolve("model"));
    }

    private static void publish(TinyRun run) {
        run.publish();
    }

    private Scorer start() {
        return start(settings());
    }

    private static ScorerSettings settings(List<String> runs, String fit, Tier tier, int threads) {
        ScorerSettings standard = settings();
        return new ScorerSettings(
                standard.serving().withRuns(runs).withFit(fit),
                standard.answering().withTier(tier),
                standard.poll().withThreads(threads));
    }

    private Scorer start(ScorerSettings settings) {
        Scorer scorer = new Scorer(connection, settings, seen);
        running.add(scorer);
        Future<?> unused = threads.submit(() -> {
            try {
                scorer.run();
            } catch (RuntimeException | Error e) {
                e.printStackTrace();
                throw e;
            }
        });
        return scorer;
    }

    private static final class Seen implements ScorerListener {
        private final List<String> reasons = new CopyOnWriteArrayList<>();
        private final List<Long> versions = new CopyOnWriteArrayList<>();
        private final List<String> partial = new CopyOnWriteArrayList<>();
        private final List<Committed> polls = new CopyOnWriteArrayList<>();
        private final List<Integer> sizes = new CopyOnWriteArrayList<>();
        private final List<Integer> mathThreads = new CopyOnWriteArrayList<>();

        @Override
        public void waiting(String reason) {
            reasons.add(reason);
        }

        @Override
        public void serving(Posterior posterior) {
            versions.add(posterior.getVersion());
            if (posterior.getState() == PosteriorState.PARTIAL) {
                partial.add(posterior.getFit());
            }
        }

        @Override
        public void committed(Committed poll) {
            polls.add(poll);
            mathThreads.add(Autograd.mathThreads());
        }

        @Override
        public void measured(String run, int bytes) {
            sizes.add(bytes);
        }
    }

    private static String[] labels(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> i < 26 ? String.valueOf((char) ('A' + i)) : "True")
                .toArray(String[]::new);
    }

    private static Question question(String... labels) {
        return Question.newBuilder()
                .setStem("which word")
                .setChoices(
                        Stream.of(labels).map(label -> new Choice(label, "one")).toList())
                .build();
    }

    private byte[] bytes(Question question) {
        return connection
                .serializer(Question.class)
                .serialize(connection.topics().questions(), question);
    }

    private static byte[] with(byte[] bytes, int at, int value) {
        byte[] changed = bytes.clone();
        changed[at] = (byte) value;
        return changed;
    }

    private void send(String id, Question question) throws ExecutionException, InterruptedException {
        send(List.of(new ProducerRecord<>(connection.topics().questions(), utf8(id), bytes(question))));
    }

    private void send(List<ProducerRecord<byte[], byte[]>> records) throws ExecutionException, InterruptedException {
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(connection.producer(), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (ProducerRecord<byte[], byte[]> record : records) {
                producer.send(record).get();
            }
        }
    }

    private Answer answer(String id) {
        return answers().stream()
                .filter(answer -> answer.getQuestionId().equals(id))
                .findFirst()
                .orElseThrow();
    }

    private List<Answer> answers() {
        return CommittedRecords.of(connection, connection.topics().answers(), Answer.class).stream()
                .map(ConsumerRecord::value)
                .toList();
    }

    /** Of the dead letters, by key. */
    private Map<String, String> reasons() {
        Map<String, String> reasons = new TreeMap<>();
        read(connection.topics().scorerDeadLetters())
                .forEach(letter -> assertThat(reasons.put(
                                new String(letter.key(), StandardCharsets.UTF_8), header(letter, "message")))
                        .isNull());
        return reasons;
    }

    private List<ConsumerRecord<byte[], byte[]>> read(String topic) {
        return CommittedRecords.raw(connection, topic);
    }

    private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
        return new String(
                record.headers().lastHeader("__streams.errors." + name).value(), StandardCharsets.UTF_8);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static double sum(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).sum();
    }
}
