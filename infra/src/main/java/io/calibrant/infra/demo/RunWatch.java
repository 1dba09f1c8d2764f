package io.calibrant.infra.demo;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.trainer.statistics.Checkpoint;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Follows one run on the topics progress and posteriors. */
final class RunWatch implements AutoCloseable {
    private final String run;
    private final String progressTopic;
    private final KafkaConsumer<String, byte[]> consumer;
    private final Deserializer<Progress> progresses;
    private final Deserializer<Posterior> posteriors;
    private Progress progress;
    private Posterior posterior;

    RunWatch(Connection connection, String run) {
        this.run = run;
        progressTopic = connection.topics().progress();
        Map<String, Object> configs = new HashMap<>(connection.consumer(null));
        consumer = new KafkaConsumer<>(configs, new StringDeserializer(), new ByteArrayDeserializer());
        progresses = connection.deserializer(Progress.class);
        posteriors = connection.deserializer(Posterior.class);
        List<TopicPartition> partitions = new ArrayList<>();
        for (String topic : List.of(progressTopic, connection.topics().posteriors())) {
            consumer.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
        }
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
    }

    /** Takes in what has come. */
    void poll(Duration patience) {
        for (ConsumerRecord<String, byte[]> record : consumer.poll(patience)) {
            if (record.topic().equals(progressTopic)) {
                Progress next = progresses.deserialize(record.topic(), record.value());
                progress = next.getRunId().equals(run) ? next : progress;
            } else if (record.value() != null) {
                Posterior next = posteriors.deserialize(record.topic(), record.value());
                // that of the moving weights is never complete
                boolean taken =
                        next.getRunId().equals(run) && !next.getCheckpoint().equals(Checkpoint.LIVE);
                posterior = taken ? next : posterior;
            }
        }
    }

    /** The newest word of the trainer; null before the first. */
    Progress progress() {
        return progress;
    }

    /** The newest posterior of a checkpoint, live ones aside; null before the first. */
    Posterior posterior() {
        return posterior;
    }

    /** Whether every batch of the curvature pass is in the posterior. */
    boolean complete() {
        return posterior != null && posterior.getState() == PosteriorState.COMPLETE;
    }

    @Override
    public void close() {
        progresses.close();
        posteriors.close();
        consumer.close();
    }
}
