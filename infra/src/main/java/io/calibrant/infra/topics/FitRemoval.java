package io.calibrant.infra.topics;

import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.reading.TopicReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Removes a fit from the compacted topics: a tombstone for each posterior, for the factors it was made from, and for
 * what was measured of its answers; at last for its name.
 */
public final class FitRemoval {
    private FitRemoval() {}

    /** What a removal asks for: to be asked for first, since a posterior that is gone names no factors any more. */
    public static List<AccessRight> rights(Connection connection) {
        Topics topics = connection.topics();
        List<AccessRight> rights = new ArrayList<>(AccessRight.topics("READ", topics.calibration()));
        rights.addAll(AccessRight.topics(
                "WRITE", topics.posteriors(), topics.factors(), topics.calibration(), topics.fits()));
        return rights;
    }

    /**
     * Sends the tombstones of the results and returns when the broker has all of them. The statistics stay, so the fit
     * can be made again.
     *
     * @param posteriors all of the fit
     * @return how many records of topic calibration were among them
     * @throws KafkaException if the broker does not take one
     */
    public static int results(Connection connection, String fit, List<Posterior> posteriors) {
        List<String> measured = TopicReader.latest(
                        connection, connection.topics().calibration(), CalibrationMetrics.class, line -> {})
                .entrySet()
                .stream()
                .filter(each -> each.getValue().getFit().equals(fit))
                .map(Map.Entry::getKey)
                .toList();
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (Posterior each : posteriors) {
                // The posterior first: nobody is to find one whose factors are gone.
                sent.add(producer.send(new ProducerRecord<>(
                        connection.topics().posteriors(),
                        Keys.fit(each.getRunId(), each.getCheckpoint(), each.getFit()),
                        null)));
                for (String block : blocks(each)) {
                    sent.add(producer.send(new ProducerRecord<>(
                            connection.topics().factors(),
                            Keys.blockFit(each.getRunId(), each.getCheckpoint(), block, each.getFit()),
                            null)));
                }
            }
            for (String key : measured) {
                sent.add(producer.send(new ProducerRecord<>(connection.topics().calibration(), key, null)));
            }
            finish(producer, sent);
        }
        return measured.size();
    }

    /** Those that a posterior stands on, and the inputs of its familiarity. */
    private static List<String> blocks(Posterior posterior) {
        List<String> blocks = new ArrayList<>();
        posterior.getBlocks().forEach(block -> blocks.add(block.getBlock()));
        if (posterior.getFamiliarity() != null) {
            posterior.getFamiliarity().getInputs().forEach(input -> blocks.add(input.getBlock()));
        }
        return blocks;
    }

    /**
     * Sends the tombstone of the name, which is free from then on: the last step, so that whatever fails can be
     * repeated.
     */
    public static void name(Connection connection, String fit) {
        try (KafkaProducer<String, byte[]> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), new ByteArraySerializer())) {
            finish(
                    producer,
                    List.of(producer.send(
                            new ProducerRecord<>(connection.topics().fits(), fit, null))));
        }
    }

    private static void finish(KafkaProducer<String, byte[]> producer, List<Future<RecordMetadata>> sent) {
        producer.flush();
        try {
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
