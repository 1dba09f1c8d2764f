package io.calibrant.infra.commands;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.RandomStatistics;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.LongPredicate;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/** A made-up run whose pass three shards have sent, batch by batch, a second apart. */
final class SentPass {
    static final String RUN = RandomStatistics.RUN;
    static final String CHECKPOINT = RandomStatistics.CHECKPOINT;
    static final int RANK = 4;
    static final int ROWS = 2 * RANK;
    static final int BATCHES = 24;

    /** Batches of this pass. */
    final int batches;

    private final Double squaredDistance;

    static final List<Block> BLOCKS = List.of(
            new Block("layers.0.q_proj.lora_A", 3, 61, Side.INPUT),
            new Block("layers.0.q_proj.lora_B", 41, 3, Side.GRADIENT),
            new Block("lm_head.lora_B", 4, 3, Side.GRADIENT));

    /** When the first batch was sent: young enough for retention to leave it alone. */
    final Instant began = Instant.now().truncatedTo(ChronoUnit.SECONDS).minus(2, ChronoUnit.HOURS);

    SentPass() {
        this(BATCHES);
    }

    SentPass(int batches) {
        this(batches, null);
    }

    /** @param squaredDistance of every block from the initial adapter; null where that is not known */
    SentPass(int batches, Double squaredDistance) {
        this.batches = batches;
        this.squaredDistance = squaredDistance;
    }

    /** Makes the topics, and sends the run and these batches of every block. */
    void send(Connection connection, LongPredicate wanted) throws Exception {
        TopicAdmin.createMissing(connection);
        Run run = Run.newBuilder()
                .setRunId(RUN)
                .setBlocks(BLOCKS)
                .setRank(RANK)
                .setTrainingQuestions(4 * batches)
                .build();
        try (KafkaProducer<String, Run> runs = new KafkaProducer<>(
                        connection.producer(), new StringSerializer(), connection.serializer(Run.class));
                KafkaProducer<String, Statistics> statistics = new KafkaProducer<>(
                        connection.producer(), new StringSerializer(), connection.serializer(Statistics.class))) {
            put(runs, connection.topics().runs(), RUN, run, began).get();
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int batch = 0; batch < batches; batch++) {
                for (Block block : BLOCKS) {
                    if (wanted.test(batch)) {
                        sent.add(put(
                                statistics,
                                connection.topics().statistics(),
                                Keys.block(RUN, CHECKPOINT, block.getName()),
                                statistic(block, batch),
                                began.plusSeconds(batch)));
                    }
                }
            }
            for (Future<RecordMetadata> each : sent) {
                each.get();
            }
        }
    }

    private Statistics statistic(Block block, int batch) {
        Statistics value = RandomStatistics.of(block, batch, ROWS, 1000L * BLOCKS.indexOf(block) + batch);
        value.setBatchesExpected((long) batches);
        value.setSource(batch % 3 + "/3");
        value.setSquaredDistance(squaredDistance);
        return value;
    }

    private static <V> Future<RecordMetadata> put(
            KafkaProducer<String, V> producer, String topic, String key, V value, Instant time) {
        return producer.send(new ProducerRecord<>(topic, null, time.toEpochMilli(), key, value));
    }
}
