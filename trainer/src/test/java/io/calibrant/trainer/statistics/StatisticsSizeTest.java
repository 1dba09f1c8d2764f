package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TrainingTexts;
import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.prompts.PromptForm;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StatisticsSizeTest {
    private static final Connection CONNECTION = Connection.to("127.0.0.1:9", "mock://statistics-size-test");

    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource(RowType.class)
    void shouldBeTheBytesThatThePublisherSends(RowType rowType) throws Exception {
        try (TinyRun tiny = new TinyRun(directory, 0, 8);
                StatisticsSize size = new StatisticsSize(CONNECTION)) {
            Adapter adapter = tiny.model().weights().snapshot();
            BatchCurvature measured = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EMPIRICAL, 3, "r1", 0)
                    .measure(tiny.model(), tiny.prompts().subList(0, 4), 2, 0);
            MockProducer<String, byte[]> producer = new MockProducer<>(
                    org.apache.kafka.common.Cluster.empty(),
                    true,
                    null,
                    new StringSerializer(),
                    new ByteArraySerializer());
            producer.initTransactions();
            RunDescription described = new RunDescription(
                    "r1",
                    "model",
                    "sha256:0",
                    adapter,
                    tiny.classTokens(),
                    PromptForm.PAPER,
                    300,
                    KfacApproximation.EXPAND,
                    FisherType.EXACT,
                    3,
                    8,
                    5,
                    Map.of(),
                    TrainingTexts.of(List.of()),
                    0);
            RunDescription run = described.withInputs(2, 32);
            new Publisher(
                            new TransactionalSender(
                                    () -> producer, "b:1", "r1", "0/1", Duration.ofMinutes(1), Object::toString),
                            CONNECTION,
                            run,
                            new Records.Source("0/1", System.currentTimeMillis(), rowType))
                    .statistics(
                            new Checkpoint(Checkpoint.LIVE, adapter, adapter),
                            new BatchRange(1000, 1, null),
                            SingleBatch.of(measured));

            long sent = producer.history().stream()
                    .mapToLong(record -> record.key().length() + record.value().length)
                    .sum();
            assertThat(size.of("r1", rowType, 1000, SingleBatch.of(measured)))
                    .isEqualTo(new StatisticsSize.Size(producer.history().size(), sent));
        }
    }
}
