package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

/** With Kafka's own consumer for tests, since a rebalance must come at one moment and no other. */
class QuestionBatchTest {
    private static final TopicPartition ZERO = new TopicPartition("questions", 0);
    private static final TopicPartition ONE = new TopicPartition("questions", 1);
    private static final Duration LONG = Duration.ofSeconds(20);

    private final QuestionBatch gathered = new QuestionBatch(partitions -> {});
    private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");

    QuestionBatchTest() {
        consumer.subscribe(List.of("questions"), gathered);
        consumer.rebalance(List.of(ZERO, ONE));
        consumer.updateBeginningOffsets(Map.of(ZERO, 0L, ONE, 0L));
    }

    @Test
    void shouldTakeWhatComesWithinTheLingerUntilThereIsEnough() {
        add(ZERO, 0);
        consumer.schedulePollTask(() -> {});
        consumer.schedulePollTask(() -> add(ONE, 0));
        consumer.schedulePollTask(() -> add(ZERO, 1));
        consumer.schedulePollTask(() -> add(ZERO, 2));

        gathered.gather(consumer, LONG, 3, LONG);

        assertThat(gathered.records()).hasSize(3);
        assertThat(offsets()).isEqualTo(Map.of(ZERO, 2L, ONE, 1L));
    }

    @Test
    void shouldNotWaitForOthersWithoutALinger() {
        add(ZERO, 0);
        consumer.schedulePollTask(() -> {});
        consumer.schedulePollTask(() -> add(ONE, 0));

        gathered.gather(consumer, LONG, 3, Duration.ZERO);

        assertThat(gathered.records()).hasSize(1);
    }

    /** Else they would be answered here, and by whom they were given to. */
    @Test
    void shouldLetQuestionsGoWithThePartitionThatIsTakenAway() {
        add(ZERO, 0);
        add(ONE, 0);
        consumer.schedulePollTask(() -> {});
        consumer.schedulePollTask(() -> {
            gathered.onPartitionsRevoked(List.of(ZERO)); // the mock itself revokes nothing
            consumer.rebalance(List.of(ONE));
        });
        consumer.schedulePollTask(() -> add(ONE, 1));

        gathered.gather(consumer, LONG, 3, Duration.ofMillis(200));

        assertThat(gathered.records()).extracting(ConsumerRecord::partition).containsOnly(1);
        assertThat(offsets()).containsOnlyKeys(ONE);
    }

    @Test
    void shouldMakeTheConsumerHandOutAgainWhatIsGivenBack() {
        add(ZERO, 0);
        add(ZERO, 1);
        gathered.gather(consumer, LONG, 1, Duration.ZERO);
        assertThat(consumer.position(ZERO)).isEqualTo(2);
        gathered.giveBack(consumer);
        assertThat(consumer.position(ZERO)).isZero();
    }

    private void add(TopicPartition partition, long offset) {
        consumer.addRecord(new ConsumerRecord<>(
                partition.topic(), partition.partition(), offset, "q".getBytes(StandardCharsets.UTF_8), new byte[0]));
    }

    private Map<TopicPartition, Long> offsets() {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        for (Map.Entry<TopicPartition, OffsetAndMetadata> each :
                gathered.offsets().entrySet()) {
            offsets.put(each.getKey(), each.getValue().offset());
        }
        return offsets;
    }
}
