package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.apache.avro.Schema;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * What the topics say of a run already. A run that goes on, or another shard of it, describes it the same; whoever comes
 * with other settings would mix statistics that do not belong together, since each batch of a run counts once.
 */
public final class PublishedRun {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final int LONGEST_VALUE = 60;

    /** Names, not settings: a model is known by its digest, wherever it lies. */
    private static final Set<String> NAMES = Set.of("runId", "createdAt", "modelId");

    private PublishedRun() {}

    /**
     * Checks that nobody has published this run with other settings. Two processes that start at the same moment do not
     * see each other.
     *
     * @throws PublishingException naming the first setting that differs, what the topic has and what is asked for; or the
     *     address if the broker does not answer, or a topic that is missing
     */
    public static void requireSame(Connection connection, RunDescription run) {
        Publisher.checkTopics(connection);
        Run found;
        try {
            found = read(connection, run.runId());
        } catch (RegistryUnavailableException e) {
            throw e; // names the address itself
        } catch (KafkaException e) {
            throw new PublishingException("broker " + connection.bootstrapServers() + ": " + e.getMessage(), e);
        }
        String difference = found == null ? null : difference(found, Records.run(run));
        if (difference != null) {
            throw new PublishingException(
                    "--run: run '" + run.runId() + "' is on topic "
                            + connection.topics().runs() + " with other settings: " + difference
                            + "; accepted are the same ones, or a new name",
                    null);
        }
    }

    /** The newest description of a run; null where there is none that can be read. */
    private static Run read(Connection connection, String runId) {
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        String topic = connection.topics().runs();
        byte[] newest = null;
        try (KafkaConsumer<String, byte[]> consumer =
                new KafkaConsumer<>(configs, new StringDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(POLL)) {
                    newest = runId.equals(record.key()) ? record.value() : newest;
                }
            }
        }
        if (newest == null) {
            return null;
        }
        try (Deserializer<Run> deserializer = connection.deserializer(Run.class)) {
            return deserializer.deserialize(topic, newest);
        } catch (BadRecordException e) {
            return null; // no reader can use it: a good one takes its place
        }
    }

    /** The first difference in words; null where there is none. */
    static String difference(Run there, Run here) {
        for (Schema.Field field : there.getSchema().getFields()) {
            if (NAMES.contains(field.name())) {
                continue;
            }
            Object before = there.get(field.pos());
            Object now = here.get(field.pos());
            if (field.name().equals("settings")) {
                String difference = difference(there.getSettings(), here.getSettings());
                if (difference != null) {
                    return difference;
                }
            } else if (!Objects.equals(before, now)) {
                return words(field.name(), before, now);
            }
        }
        return null;
    }

    private static String difference(Map<String, String> there, Map<String, String> here) {
        Set<String> keys = new TreeSet<>(there.keySet());
        keys.addAll(here.keySet());
        return keys.stream()
                .filter(key -> !Objects.equals(there.get(key), here.get(key)))
                .findFirst()
                .map(key -> words(key, there.get(key), here.get(key)))
                .orElse(null);
    }

    private static String words(String what, Object there, Object here) {
        return what + " is " + shortened(there) + " there and " + shortened(here) + " here";
    }

    private static String shortened(Object value) {
        String text = value == null ? "nothing" : value.toString();
        return text.length() <= LONGEST_VALUE ? text : text.substring(0, LONGEST_VALUE) + "...";
    }
}
