package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.TrainingTexts;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.curvature.FactorRows;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.prompts.PromptForm;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is sent, in which transactions; Kafka's own producer for tests shows transactions without a broker. */
class PublisherTest {
    private static final Connection CONNECTION = new Connection("127.0.0.1:9", "mock://publisher-test", "x.", Map.of());
    private static final Topics TOPICS = CONNECTION.topics();

    @TempDir
    static Path directory;

    private static TinyRun tiny;
    private static Adapter adapter;

    private final MockProducer<String, byte[]> producer = new MockProducer<>(
            org.apache.kafka.common.Cluster.empty(), true, null, new StringSerializer(), new ByteArraySerializer());
    private final Publisher publisher = open(producer, 7);

    private static Publisher open(MockProducer<String, byte[]> producer, long epoch) {
        producer.initTransactions();
        return new Publisher(sender(producer), CONNECTION, describe(), new Records.Source("1/2", epoch, RowType.F32));
    }

    private static TransactionalSender sender(MockProducer<String, byte[]> producer) {
        return new TransactionalSender(() -> producer, "b:1", "r1", "1/2", Duration.ofMinutes(1), Object::toString);
    }

    @BeforeAll
    static void load() throws IOException {
        tiny = new TinyRun(directory, 0, 8);
        adapter = tiny.model().weights().snapshot();
    }

    @AfterAll
    static void close() {
        tiny.close();
    }

    private static RunDescription describe() {
        return new RunDescription(
                        "r1",
                        "model",
                        "sha256:0",
                        adapter,
                        tiny.classTokens(),
                        PromptForm.PAPER,
                        300,
                        KfacApproximation.EXPAND,
                        FisherType.EXACT,
                        10,
                        8,
                        5,
                        Map.of("steps", "0"),
                        TrainingTexts.of(List.of()),
                        0)
                .withInputs(2, 32);
    }

    @Test
    void shouldDescribeTheRunWithItsBlocksAndClassTokens() {
        publisher.run();

        Run run = only(TOPICS.runs(), "r1", Run.class);
        assertThat(run.getBlocks()).hasSize(10);
        assertThat(run.getBlocks().get(0).getName()).isEqualTo("model.layers.0.self_attn.q_proj.lora_A");
        assertThat(run.getBlocks().get(0).getLargeSide()).isEqualTo(Side.INPUT);
        assertThat(run.getBlocks().get(0).getOutputs()).isEqualTo(4);
        assertThat(run.getBlocks().get(0).getInputs()).isEqualTo(32);
        assertThat(run.getBlocks().get(9).getName()).isEqualTo("lm_head.lora_B");
        assertThat(run.getBlocks().get(9).getLargeSide()).isEqualTo(Side.GRADIENT);
        assertThat(run.getBlocks().get(9).getOutputs()).as("class tokens").isEqualTo(5);
        assertThat(run.getInputs())
                .extracting(Block::getName)
                .containsExactly("model.layers.0.self_attn.last_input", "model.layers.1.self_attn.last_input");
        assertThat(run.getInputs()).allSatisfy(input -> {
            assertThat(input.getOutputs()).isEqualTo(1);
            assertThat(input.getInputs()).isEqualTo(32);
            assertThat(input.getLargeSide()).isEqualTo(Side.INPUT);
        });
        assertThat(run.getClassTokens()).hasSize(5);
        assertThat(run.getClassTokens().get(0).getTokenId()).isEqualTo(267);
        assertThat(run.getRank()).isEqualTo(10);
    }

    @Test
    void shouldSendRunAndAdaptersInOneTransaction() {
        publisher.checkpoint(new Checkpoint("step-3", adapter, adapter));

        assertThat(producer.commitCount()).isEqualTo(1);
        assertThat(producer.history()).hasSize(11);
        assertThat(producer.history().get(0).topic()).isEqualTo(TOPICS.runs());
        AdapterBlock block = read(producer.history().get(1), AdapterBlock.class);
        assertThat(producer.history().get(1).key()).isEqualTo(Keys.block("r1", "step-3", block.getBlock()));
        assertThat(Tensors.floats(block.getWeight()))
                .isEqualTo(adapter.matrices().values().iterator().next().a());
        assertThat(block.getWeight().getShape()).containsExactly(4, 32);
        assertThat(block.getInitialWeight()).isEqualTo(block.getWeight());
    }

    @Test
    void shouldNameCheckpointsOfALaterRunOfThisNameByItsGeneration() {
        RunDescription third = describe().withGeneration(2);
        Records.Source source = new Records.Source("1/2", 7, RowType.F32);
        try (Publisher later = new Publisher(sender(producer), CONNECTION, third, source)) {
            later.checkpoint(new Checkpoint("step-3", adapter, adapter));
            later.statistics(
                    new Checkpoint("step-3", adapter, null), new BatchRange(3, 2, 9L), SingleBatch.of(measure()));
            later.curvature(new Checkpoint("step-3", adapter, null), 1, 2, 4, -1, false);
        }
        assertThat(read(producer.history().get(0), Run.class).getGeneration()).isEqualTo(2);
        assertThat(producer.history())
                .filteredOn(record -> record.topic().equals(TOPICS.adapters())
                        || record.topic().equals(TOPICS.statistics()))
                .hasSize(20 + 2) // with an input a layer
                .allMatch(record -> record.key().startsWith("r1/g2.step-3/"));
        assertThat(read(producer.history().get(23), Progress.class).getCheckpoint())
                .isEqualTo("g2.step-3");
    }

    @Test
    void shouldSendAllBlocksOfABatchInOneTransaction() {
        Checkpoint checkpoint = new Checkpoint("step-0", adapter, null);
        BatchCurvature measured = measure();

        publisher.statistics(checkpoint, new BatchRange(3, 2, 9L), SingleBatch.of(measured));

        assertThat(producer.commitCount()).isEqualTo(1);
        assertThat(producer.history()).hasSize(10 + 2); // with an input a layer
        Statistics input = read(producer.history().get(10), Statistics.class);
        assertThat(input.getBlock()).isEqualTo("model.layers.0.self_attn.last_input");
        assertThat(input.getRows().getShape()).containsExactly(4, 32);
        assertThat(Tensors.doubles(input.getSmall())).containsExactly(4);
        assertThat(input.getN()).isEqualTo(input.getExamples()).isEqualTo(4);
        assertThat(input.getTrace()).isEqualTo(measured.inputs().get(0).rows().trace());
        Statistics record = read(producer.history().get(1), Statistics.class);
        BlockStatistics block = measured.blocks().get(1);
        assertThat(record.getBlock()).isEqualTo(block.block());
        assertThat(record.getBatch()).isEqualTo(3);
        assertThat(record.getBatchesExpected()).isEqualTo(9);
        assertThat(record.getSource()).isEqualTo("1/2");
        assertThat(record.getEpoch()).isEqualTo(7);
        assertThat(Tensors.floats(record.getRows())).isEqualTo(block.rows().values());
        assertThat(Tensors.doubles(record.getSmall())).isEqualTo(block.small());
        assertThat(record.getN()).isEqualTo(block.n());
        assertThat(record.getExamples()).isEqualTo(4);
        assertThat(record.getTrace()).isEqualTo(block.rows().trace());
        assertThat(record.getLogLikelihood()).isEqualTo(measured.logLikelihood());
        double squared = 0;
        for (float b : adapter.matrices().values().iterator().next().b()) {
            squared += (double) b * b;
        }
        assertThat(record.getSquaredNorm()).isEqualTo(squared);
        assertThat(record.getSquaredDistance())
                .as("an adapter from elsewhere does not say where it started")
                .isNull();
    }

    /** The batches that such a run has sent have none, so that they would never be whole. */
    @Test
    void shouldSendNoInputsOfARunThatWasBegunWithoutThem() {
        Records.Source source = new Records.Source("1/2", 7, RowType.F32);
        try (Publisher before =
                new Publisher(sender(producer), CONNECTION, describe().withInputs(0, 0), source)) {
            before.statistics(
                    new Checkpoint("step-3", adapter, null), new BatchRange(3, 2, 9L), SingleBatch.of(measure()));
        }
        assertThat(producer.history())
                .hasSize(10)
                .noneMatch(record -> record.key().contains("last_input"));
    }

    @Test
    void shouldSendBlocksThatReadTheSameInputInOneRecordUnderTheFirst() {
        BatchCurvature measured = measure();
        BlockStatistics first = measured.blocks().get(0);
        BlockStatistics other = new BlockStatistics(
                "lm_head.lora_A", first.rows(), new double[first.small().length], first.smallWidth(), first.n());
        List<BlockStatistics> blocks = List.of(first, measured.blocks().get(1), other);

        publisher.statistics(
                new Checkpoint("step-0", adapter, adapter),
                new BatchRange(3, 1, null),
                new CurvatureSum(blocks, List.of(), 4, -1, 2, 0.5));

        assertThat(producer.history()).hasSize(2);
        Statistics record = read(producer.history().get(0), Statistics.class);
        assertThat(producer.history().get(0).key()).isEqualTo(Keys.block("r1", "step-0", first.block()));
        assertThat(record.getBatches()).isEqualTo(2);
        assertThat(record.getForgetting()).isEqualTo(0.5);
        assertThat(record.getBatchesExpected()).isNull();
        assertThat(record.getShared()).hasSize(1);
        assertThat(record.getShared().get(0).getBlock()).isEqualTo("lm_head.lora_A");
        assertThat(Tensors.doubles(record.getShared().get(0).getSmall())).isEqualTo(other.small());
        assertThat(record.getShared().get(0).getSquaredNorm()).isPositive();
        assertThat(record.getShared().get(0).getSquaredDistance()).isZero();
        assertThat(read(producer.history().get(1), Statistics.class).getShared())
                .isEmpty();
    }

    @Test
    void shouldRoundRowsToBfloat16WhereToldAndNothingElse() {
        MockProducer<String, byte[]> other = new MockProducer<>(
                org.apache.kafka.common.Cluster.empty(), true, null, new StringSerializer(), new ByteArraySerializer());
        other.initTransactions();
        BatchCurvature measured = measure();
        new Publisher(sender(other), CONNECTION, describe(), new Records.Source("1/2", 7, RowType.BF16))
                .statistics(
                        new Checkpoint("step-0", adapter, null), new BatchRange(0, 1, 1L), SingleBatch.of(measured));

        Statistics record = read(other.history().get(0), Statistics.class);
        float[] exact = measured.blocks().get(0).rows().values();
        float[] rounded = Tensors.floats(record.getRows());
        assertThat(record.getRows().getData().remaining()).isEqualTo(2 * exact.length);
        for (int i = 0; i < exact.length; i++) {
            assertThat(Math.abs(rounded[i] - exact[i])).isLessThanOrEqualTo(Math.abs(exact[i]) / 256);
        }
        assertThat(Tensors.doubles(record.getSmall()))
                .isEqualTo(measured.blocks().get(0).small());
        assertThat(record.getTrace()).isEqualTo(measured.blocks().get(0).rows().trace());
    }

    @Test
    void shouldSendTheSameBytesAgain() {
        Checkpoint checkpoint = new Checkpoint("step-0", adapter, null);
        publisher.run();
        publisher.checkpoint(checkpoint);
        publisher.statistics(checkpoint, new BatchRange(0, 2, 2L), SingleBatch.of(measure()));

        MockProducer<String, byte[]> second = new MockProducer<>(
                org.apache.kafka.common.Cluster.empty(), true, null, new StringSerializer(), new ByteArraySerializer());
        Publisher again = open(second, 7);
        again.run();
        again.checkpoint(checkpoint);
        again.statistics(checkpoint, new BatchRange(0, 2, 2L), SingleBatch.of(measure()));

        assertThat(second.history()).hasSameSizeAs(producer.history());
        for (int i = 0; i < second.history().size(); i++) {
            assertThat(second.history().get(i).key())
                    .isEqualTo(producer.history().get(i).key());
            assertThat(second.history().get(i).value())
                    .isEqualTo(producer.history().get(i).value());
        }
    }

    @Test
    void shouldTellHowFarItIs() {
        publisher.fineTuning(5, 100, 0.75, 1e-4, 20);
        publisher.curvature(new Checkpoint("step-100", adapter, adapter), 2, 2, 8, -3.5, true);

        Progress tuning = read(producer.history().get(0), Progress.class);
        assertThat(tuning.getPhase()).isEqualTo(Phase.FINE_TUNING);
        assertThat(tuning.getLoss()).isEqualTo(0.75);
        Progress done = read(producer.history().get(1), Progress.class);
        assertThat(done.getPhase()).isEqualTo(Phase.DONE);
        assertThat(done.getCheckpoint()).isEqualTo("step-100");
        assertThat(done.getLogLikelihood()).isEqualTo(-3.5);
        assertThat(done.getSquaredDistance()).isZero();
        assertThat(done.getSquaredNorm()).isPositive();
    }

    @Test
    void shouldSendValidationQuestionsWithTheirLabels() {
        publisher.validation(List.of(tiny.prompts().get(0).question()));

        assertThat(producer.commitCount()).isEqualTo(1);
        io.calibrant.schemas.avro.Question question =
                read(producer.history().get(0), io.calibrant.schemas.avro.Question.class);
        assertThat(question.getPurpose()).isEqualTo(Purpose.VALIDATION);
        assertThat(question.getRun()).isEqualTo("r1");
        assertThat(question.getChoices()).hasSize(2);
        assertThat(producer.history().get(0).key()).isEqualTo("r1/q0");
        assertThat(question.getQuestionId()).isEqualTo("q0");
        assertThat(producer.history().get(1).topic()).isEqualTo(TOPICS.labels());
        assertThat(producer.history().get(1).key()).isEqualTo("q0");
        Label label = read(producer.history().get(1), Label.class);
        assertThat(label.getLabel()).isEqualTo("A");
        assertThat(label.getRun()).isEqualTo("r1");
        assertThat(label.getTextDigest()).isEqualTo(QuestionText.of(question).digest());
    }

    @Test
    void shouldSendQuestionsForTheNoiseWithoutLabelsAndUnderIdsOfTheirOwn() {
        publisher.noise(List.of(tiny.prompts().get(0).question()));

        assertThat(producer.history()).hasSize(1);
        io.calibrant.schemas.avro.Question question =
                read(producer.history().get(0), io.calibrant.schemas.avro.Question.class);
        assertThat(question.getPurpose()).isEqualTo(Purpose.NOISE);
        assertThat(question.getTier()).isNull();
        assertThat(question.getQuestionId()).isEqualTo("noise-q0");
        assertThat(producer.history().get(0).key()).isEqualTo("r1/noise-q0");
    }

    @Test
    void shouldNameSizeAndLimitOfARecordThatIsTooLargeAndSendNothingOfItsBatch() {
        int width = 1 << 10;
        int count = Topics.MAX_RECORD_BYTES / 4 / width + 1;
        BatchCurvature small = measure();
        BatchCurvature large = new BatchCurvature(
                List.of(
                        small.blocks().get(0),
                        new BlockStatistics(
                                small.blocks().get(1).block(),
                                new FactorRows(new float[count * width], count, width, 0),
                                new double[16],
                                4,
                                4)),
                List.of(),
                4,
                -1,
                1);

        assertThatThrownBy(() -> publisher.statistics(
                        new Checkpoint("step-0", adapter, null), new BatchRange(0, 1, 1L), SingleBatch.of(large)))
                .isInstanceOf(PublishingException.class)
                .hasMessageContaining("r1/step-0/" + small.blocks().get(1).block())
                .hasMessageContaining("is too large for topic")
                .hasMessageContaining("max.message.bytes " + Topics.MAX_RECORD_BYTES + ": ")
                .hasMessageContaining("--batch-size");
        assertThat(producer.history()).isEmpty();
        assertThat(producer.commitCount()).isZero();
    }

    private static BatchCurvature measure() {
        return new KfacEstimator(KfacApproximation.EXPAND, FisherType.EXACT, 3, "r1", 0)
                .measure(tiny.model(), tiny.prompts().subList(0, 4), 2, 0);
    }

    private <T extends SpecificRecord> T only(String topic, String key, Class<T> type) {
        assertThat(producer.history()).hasSize(1);
        assertThat(producer.history().get(0).topic()).isEqualTo(topic);
        assertThat(producer.history().get(0).key()).isEqualTo(key);
        return read(producer.history().get(0), type);
    }

    private static <T extends SpecificRecord> T read(ProducerRecord<String, byte[]> record, Class<T> type) {
        try (var deserializer = CONNECTION.deserializer(type)) {
            return deserializer.deserialize(record.topic(), record.value());
        }
    }
}
