package io.calibrant.infra.topics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Removes fits from the compacted topics: a tombstone for each posterior and for the factors it stands on. */
public final class FitRemoval {
    private FitRemoval() {}

    /**
     * Sends the tombstones and returns when the broker has all of them. The statistics stay, so the fit can be made
     * again.
     *
     * @throws KafkaException if the broker does not take one
     */
    public static void remove(Connection connection, List<Posterior> posteriors) {
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (Posterior each : posteriors) {
                // The posterior first: nobody is to find one whose factors are gone.
                sent.add(producer.send(new ProducerRecord<>(
                        connection.topics().posteriors(),
                        Keys.fit(each.getRunId(), each.getCheckpoint(), each.getFit()),
                        null)));
                for (BlockPrecision block : each.getBlocks()) {
                    sent.add(producer.send(new ProducerRecord<>(
                            connection.topics().factors(),
                            Keys.blockFit(each.getRunId(), each.getCheckpoint(), block.getBlock(), each.getFit()),
                            null)));
                }
            }
            producer.flush();
            for (Future<RecordMetadata> each : sent) {
                each.get();
            }
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }
}
