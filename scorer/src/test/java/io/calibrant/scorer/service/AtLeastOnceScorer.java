package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The scorer as it must not be: answers go out at once, offsets are committed now and then. A process of its own, the
 * control of the fault tests: an oracle that is content with it is blind.
 */
public final class AtLeastOnceScorer {
    private AtLeastOnceScorer() {}

    /** Arguments: broker, registry, topic prefix, session timeout in milliseconds, run, model directory. */
    public static void main(String... arguments) throws IOException {
        Connection connection = ScorerProcess.connection(arguments);
        ScorerSettings settings = ScorerProcess.settings(arguments);
        try (Scorer scorer = new Scorer(connection, settings, ScorerListener.SILENT, NowAndThen::new)) {
            scorer.run();
        }
    }

    private static final class NowAndThen implements Delivery {
        private static final long EVERY = Duration.ofSeconds(30).toNanos();

        private final Consumer<byte[], byte[]> consumer;
        private final KafkaProducer<byte[], byte[]> producer;
        private final Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
        private long committed = System.nanoTime();

        NowAndThen(Connection connection, String group, Consumer<byte[], byte[]> consumer) {
            this.consumer = consumer;
            this.producer =
                    new KafkaProducer<>(connection.producer(), new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public void prepare() {
            // there is nothing to go back to
        }

        @Override
        @SuppressWarnings("FutureReturnValueIgnored") // flushed below
        public boolean deliver(
                List<ProducerRecord<byte[], byte[]>> out, Map<TopicPartition, OffsetAndMetadata> offsets) {
            out.forEach(producer::send);
            producer.flush();
            done.putAll(offsets);
            if (System.nanoTime() - committed > EVERY) {
                consumer.commitSync(done);
                done.clear();
                committed = System.nanoTime();
            }
            return true;
        }

        @Override
        public void close() {
            producer.close();
        }
    }
}
