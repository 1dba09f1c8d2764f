package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * How far the fitters are with a run: whether a checkpoint has a complete posterior, and whether another one of the run
 * has, with which a scorer would answer until then.
 */
public final class FitWatch implements AutoCloseable {
    private final String run;
    private final KafkaConsumer<String, byte[]> consumer;
    private final Deserializer<Posterior> posteriors;
    private final Map<String, Posterior> posteriorOf = new HashMap<>();

    /** Reads the topic of posteriors up to its present end. */
    public FitWatch(Connection connection, String run) {
        this.run = run;
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        consumer = new KafkaConsumer<>(configs, new StringDeserializer(), new ByteArrayDeserializer());
        posteriors = connection.deserializer(Posterior.class);
        boolean done = false;
        try {
            List<PartitionInfo> found =
                    consumer.partitionsFor(connection.topics().posteriors());
            if (found == null) {
                found = List.of(); // where there is no topic there is no posterior
            }
            List<TopicPartition> partitions = found.stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                poll(Duration.ofSeconds(1));
            }
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    /** Takes in what comes within some time. */
    public void poll(Duration patience) {
        if (consumer.assignment().isEmpty()) {
            return;
        }
        for (ConsumerRecord<String, byte[]> record : consumer.poll(patience)) {
            if (record.key() == null || !Keys.runOf(record.key()).equals(run)) {
                continue;
            }
            if (record.value() == null) {
                posteriorOf.remove(record.key());
                continue;
            }
            try {
                posteriorOf.put(record.key(), posteriors.deserialize(record.topic(), record.value()));
            } catch (SerializationException e) {
                if (RegistryUnavailableException.isTransient(e)) {
                    throw e;
                }
                // Not a posterior: the scorers pass it over, too.
            }
        }
    }

    /** Whether a fit has folded the whole curvature pass of a checkpoint. */
    public boolean isComplete(String checkpoint) {
        return posteriorOf.values().stream()
                .anyMatch(posterior -> posterior.getCheckpoint().equals(checkpoint)
                        && posterior.getState() == PosteriorState.COMPLETE);
    }

    /** Another checkpoint of the run that scorers can answer with. */
    public Optional<String> completeBeside(String checkpoint) {
        return posteriorOf.values().stream()
                .filter(posterior -> posterior.getState() == PosteriorState.COMPLETE)
                .map(Posterior::getCheckpoint)
                .filter(other -> !other.equals(checkpoint))
                .findFirst();
    }

    /** Batches of a checkpoint's curvature pass in its posterior; of the fit that is furthest. */
    public long batches(String checkpoint) {
        return posteriorOf.values().stream()
                .filter(posterior -> posterior.getCheckpoint().equals(checkpoint))
                .mapToLong(Posterior::getBatches)
                .max()
                .orElse(0);
    }

    @Override
    public void close() {
        posteriors.close();
        consumer.close();
    }
}
