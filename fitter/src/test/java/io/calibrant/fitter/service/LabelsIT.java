package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockProjections;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.SharedCluster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Answers and labels through a real broker: the topic calibration, and posteriors that labels tune. */
class LabelsIT {
    private static final String FIT = "r/step-1/default";
    private static final Block BLOCK = new Block("lm_head.lora_B", 4, 3, Side.GRADIENT);
    private static final List<String> LABELS = List.of("A", "B", "C", "D");
    private static final int QUESTIONS = 60;

    @TempDir
    private static Path dir;

    @Test
    void shouldMeasureAndTuneThroughARestartWithoutItsState() throws Exception {
        Connection connection = connection("tuned");
        TopicAdmin.createMissing(connection);
        Path state = dir.resolve("state");
        try (KafkaProducer<String, byte[]> producer = producer(connection)) {
            send(producer, connection, connection.topics().runs(), "r", Run.class, run());
            send(
                    producer,
                    connection,
                    connection.topics().statistics(),
                    Keys.block("r", "step-1", BLOCK.getName()),
                    Statistics.class,
                    statistic());
            try (Fitter fitter = fitter(connection, state)) {
                fitter.start();
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> posteriors(connection).size() == 1);
                assertThat(posteriors(connection).get(0).getState()).isEqualTo(PosteriorState.COMPLETE);
                // half of them with their labels, a quarter without, and labels of a quarter that is not answered yet
                for (int i = 0; i < QUESTIONS * 3 / 4; i++) {
                    answer(producer, connection, i);
                }
                for (int i = QUESTIONS / 4; i < QUESTIONS; i++) {
                    label(producer, connection, id(i), label(i));
                }
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> total(connection)
                                .filter(total -> total.getN() == QUESTIONS / 2
                                        && total.getAnswersWithoutLabel() == QUESTIONS / 4)
                                .isPresent());
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> last(connection).getLabels() == QUESTIONS / 2);
                assertThat(calibration(connection).get("//default/total").getLabelsWithoutAnswer())
                        .isEqualTo(QUESTIONS / 4);
            }
            delete(state);
            for (int i = QUESTIONS / 2; i < QUESTIONS; i++) {
                answer(producer, connection, i); // some for the second time
            }
            for (int i = 0; i < QUESTIONS / 2; i++) {
                label(producer, connection, id(i), i == 0 ? "E" : label(i));
            }
            label(producer, connection, id(QUESTIONS - 1), label(QUESTIONS - 1).equals("A") ? "B" : "A");
            label(producer, connection, id(QUESTIONS - 1), label(QUESTIONS - 1));
            label(producer, connection, "nobody asked", "A");
            label(producer, connection, "nor this", "A");
            try (Fitter fitter = fitter(connection, state)) {
                fitter.start();
                double temperature = expected().temperature();
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> last(connection).getLabels() == QUESTIONS - 1
                                && last(connection).getTemperature() == temperature);
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> total(connection)
                                .filter(total -> total.getN() == QUESTIONS - 1 && total.getContradictingLabels() == 2)
                                .isPresent());
            }
        }
        CalibrationMetrics total = total(connection).orElseThrow();
        assertThat(total.getUnusableLabels()).isEqualTo(1);
        assertThat(total.getAnswersWithoutLabel()).isZero();
        shouldBe(total.getMap(), Answer::getMapProbabilities);
        shouldBe(total.getCalibrated(), Answer::getProbabilities);
        assertThat(total.getTemperature()).isNull();
        assertThat(calibration(connection).get("//default/total").getLabelsWithoutAnswer())
                .isEqualTo(2);
        assertThat(CommittedRecords.raw(connection, connection.topics().fitterDeadLetters()))
                .isEmpty();

        Posterior calibrated = last(connection);
        CalibrationResult expected = expected();
        assertThat(calibrated.getTemperature()).isEqualTo(expected.temperature());
        assertThat(calibrated.getVarianceTemperature())
                .isEqualTo(expected.variance().temperature());
        assertThat(calibrated.getVarianceScale()).isEqualTo(expected.variance().scale());
        assertThat(calibrated.getCalibration()).isEqualTo(Calibration.AVERAGED);
        List<Posterior> posteriors = posteriors(connection);
        assertThat(posteriors)
                .extracting(Posterior::getVersion)
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, posteriors.size()).boxed().toList());
        assertThat(posteriors).extracting(Posterior::getBlocks).containsOnly(calibrated.getBlocks());
        System.out.printf(
                "%d answers and labels: %d versions of the posterior, T %.3f, c %.3f, %s%n",
                QUESTIONS,
                posteriors.size(),
                calibrated.getTemperature(),
                calibrated.getVarianceScale(),
                calibrated.getCalibration());
    }

    @Test
    void shouldChooseThePriorByLabelsThroughARestartWithoutItsState() throws Exception {
        Connection connection = connection("prior");
        TopicAdmin.createMissing(connection);
        Path state = dir.resolve("prior");
        int questions = 12;
        try (KafkaProducer<String, byte[]> producer = producer(connection)) {
            send(producer, connection, connection.topics().runs(), "r", Run.class, run());
            String key = Keys.block("r", "step-1", BLOCK.getName());
            send(producer, connection, connection.topics().statistics(), key, Statistics.class, statistic());
            try (Fitter fitter = fitter(connection, state, PriorObjective.VALIDATION)) {
                fitter.start();
                for (int i = 0; i < questions; i++) {
                    answer(producer, connection, i);
                    label(producer, connection, id(i), label(i));
                    predictive(producer, connection, i, BLOCK.getName(), 3, 4);
                }
                // larger than a topic takes by itself, and of another block: it goes all the way, and counts for
                // nothing
                predictive(producer, connection, questions, "another", 300, 400);
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> !posteriors(connection).isEmpty()
                                && last(connection).getObjective() == PriorObjective.VALIDATION
                                && last(connection).getLabels() == questions);
            }
            Posterior before = last(connection);
            delete(state);
            try (Fitter fitter = fitter(connection, state, PriorObjective.VALIDATION)) {
                fitter.start();
                answer(producer, connection, questions);
                label(producer, connection, id(questions), label(questions));
                predictive(producer, connection, questions, BLOCK.getName(), 3, 4);
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> last(connection).getLabels() == questions + 1);
            }
            Posterior after = last(connection);
            assertThat(after.getObjective()).isEqualTo(PriorObjective.VALIDATION);
            assertThat(after.getBlocks().get(0).getLambda())
                    .isNotEqualTo(before.getBlocks().get(0).getLambda());
            assertThat(after.getVersion()).isEqualTo(before.getVersion() + 1);
            assertThat(CommittedRecords.raw(connection, connection.topics().fitterDeadLetters()))
                    .isEmpty();
        }
    }

    @Test
    void shouldRefuseTopicsOfWhichAnswersWouldNotMeetTheirLabels() throws Exception {
        Connection connection = connection("cut");
        try (Admin admin = Admin.create(connection.admin())) {
            admin.createTopics(List.of(new NewTopic(connection.topics().labels(), Optional.of(3), Optional.empty())))
                    .all()
                    .get();
        }
        TopicAdmin.createMissing(connection);
        try (Fitter fitter = fitter(connection, dir.resolve("cut"))) {
            assertThatThrownBy(fitter::start)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("topics " + connection.topics().answers() + " and "
                            + connection.topics().labels() + " must be co-partitioned: 4 and 3 partitions");
        }
    }

    private static void shouldBe(MethodMetrics found, Function<Answer, List<Double>> probabilities) {
        List<LabelledProbabilities> questions = new ArrayList<>();
        for (int i = 1; i < QUESTIONS; i++) {
            questions.add(new LabelledProbabilities(doubles(probabilities.apply(answer(i))), LABELS.indexOf(label(i))));
        }
        Metrics naive = Metrics.of(questions);
        assertThat(found.getN()).isEqualTo(naive.n());
        assertThat(found.getAccuracy()).isEqualTo(naive.accuracy());
        assertThat(found.getNll()).isCloseTo(naive.nll(), within(1e-9));
        assertThat(found.getBrier()).isCloseTo(naive.brier(), within(1e-9));
        assertThat(found.getEce15()).isCloseTo(naive.ece(), within(1e-9));
        assertThat(found.getEce10()).isCloseTo(Metrics.of(questions, 10).ece(), within(1e-9));
    }

    private static CalibrationResult expected() {
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 1; i < QUESTIONS; i++) {
            Answer answer = answer(i);
            answers.add(new LabelledContrasts(
                    id(i),
                    doubles(answer.getContrastMean()),
                    answer.getContrastCovariance().stream()
                            .map(LabelsIT::doubles)
                            .toArray(double[][]::new),
                    LABELS.indexOf(label(i))));
        }
        return new Calibrator().calibrate(answers);
    }

    private static String id(int i) {
        return "question " + i;
    }

    private static String label(int i) {
        return LABELS.get(i % 3 == 0 ? i / 3 % 4 : 1);
    }

    private static Answer answer(int i) {
        Random random = new Random(i);
        double[] y = {random.nextGaussian(), 2 + random.nextGaussian(), random.nextGaussian()};
        List<Double> map = list(Softmax.ofContrasts(y));
        return Answer.newBuilder()
                .setQuestionId(id(i))
                .setRunId("r")
                .setCheckpoint("step-1")
                .setFit("default")
                .setPosteriorVersion(1)
                .setPurpose(Purpose.VALIDATION)
                .setLabels(LABELS)
                .setMapProbabilities(map)
                .setProbabilities(map.stream().map(p -> 0.9 * p + 0.025).toList())
                .setContrastMean(list(y))
                .setContrastCovariance(List.of(
                        List.of(1.0 + random.nextDouble(), 0.5, 0.5), List.of(0.5, 1.0, 0.5), List.of(0.5, 0.5, 1.0)))
                .setEntropy(1)
                .setExpectedEntropy(1)
                .setMutualInformation(0)
                .setNovelty(0.5)
                .build();
    }

    private static Run run() {
        return Run.newBuilder()
                .setRunId("r")
                .setBlocks(List.of(BLOCK))
                .setRank(4)
                .setTrainingQuestions(4)
                .build();
    }

    private static Statistics statistic() {
        return Statistics.newBuilder()
                .setRunId("r")
                .setCheckpoint("step-1")
                .setBlock(BLOCK.getName())
                .setBatch(0)
                .setBatchesExpected(1L)
                .setRows(Tensors.of(new float[] {1, 2, 3, 4, 0, 1, 0, 2}, 2, 4))
                .setSmall(Tensors.of(new float[] {2, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 3))
                .setN(4)
                .setExamples(4)
                .setTrace(35)
                .setLogLikelihood(-3)
                .setSquaredNorm(2)
                .build();
    }

    private static void predictive(
            KafkaProducer<String, byte[]> producer, Connection connection, int i, String block, int r, int k)
            throws Exception {
        Random random = new Random(i);
        float[] projections = new float[3 * r * k];
        for (int e = 0; e < projections.length; e++) {
            projections[e] = (float) random.nextGaussian();
        }
        PredictiveStatistics statistics = PredictiveStatistics.newBuilder()
                .setQuestionId(id(i))
                .setRunId("r")
                .setCheckpoint("step-1")
                .setFit("default")
                .setPosteriorVersion(1)
                .setLabels(LABELS)
                .setContrastMean(answer(i).getContrastMean())
                .setBlocks(List.of(new BlockProjections(
                        block, 1L, Tensors.of(projections, 3, r, k), Tensors.of(new float[0], 0, 3, 3))))
                .build();
        send(
                producer,
                connection,
                connection.topics().predictiveStatistics(),
                id(i),
                PredictiveStatistics.class,
                statistics);
    }

    private static Fitter fitter(Connection connection, Path state) {
        return fitter(connection, state, PriorObjective.EVIDENCE);
    }

    private static Fitter fitter(Connection connection, Path state, PriorObjective objective) {
        FitterSettings defaults = FitterSettings.defaults();
        return new Fitter(connection, defaults.withStateDir(state).with(objective), posterior -> {});
    }

    private static Connection connection(String prefix) {
        return SharedCluster.connection(prefix);
    }

    private static KafkaProducer<String, byte[]> producer(Connection connection) {
        return new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer());
    }

    private static void answer(KafkaProducer<String, byte[]> producer, Connection connection, int i) throws Exception {
        send(producer, connection, connection.topics().answers(), id(i), Answer.class, answer(i));
    }

    private static void label(KafkaProducer<String, byte[]> producer, Connection connection, String id, String label)
            throws Exception {
        send(producer, connection, connection.topics().labels(), id, Label.class, new Label(label, null, null));
    }

    private static <T extends SpecificRecord> void send(
            KafkaProducer<String, byte[]> producer,
            Connection connection,
            String topic,
            String key,
            Class<T> type,
            T value)
            throws Exception {
        byte[] encoded = connection.serializer(type).serialize(topic, value);
        producer.send(new ProducerRecord<>(topic, partition(connection, topic, key), key, encoded))
                .get();
    }

    /** Labels and statistics come from clients with another partitioner, answers from Java's. */
    private static Integer partition(Connection connection, String topic, String key) {
        return topic.equals(connection.topics().labels())
                        || topic.equals(connection.topics().statistics())
                ? Integer.valueOf(Math.floorMod(key.hashCode(), 4))
                : null;
    }

    private static Optional<CalibrationMetrics> total(Connection connection) {
        return Optional.ofNullable(calibration(connection).get(FIT + "/total"));
    }

    private static Map<String, CalibrationMetrics> calibration(Connection connection) {
        Map<String, CalibrationMetrics> latest = new TreeMap<>();
        for (ConsumerRecord<String, CalibrationMetrics> record :
                CommittedRecords.of(connection, connection.topics().calibration(), CalibrationMetrics.class)) {
            latest.remove(record.key());
            if (record.value() != null) {
                latest.put(record.key(), record.value());
            }
        }
        return latest;
    }

    private static List<Posterior> posteriors(Connection connection) {
        return CommittedRecords.of(connection, connection.topics().posteriors(), Posterior.class).stream()
                .map(ConsumerRecord::value)
                .toList();
    }

    private static Posterior last(Connection connection) {
        List<Posterior> all = posteriors(connection);
        return all.get(all.size() - 1);
    }

    private static void delete(Path directory) throws IOException {
        assertThat(directory).isNotEmptyDirectory();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
