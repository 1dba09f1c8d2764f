package io.calibrant.schemas;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The definition of one topic.
 *
 * @param name full name, prefix included
 * @param partitions number of partitions
 * @param configs topic configuration in Kafka's own keys ({@code cleanup.policy}, {@code max.message.bytes}, ...)
 * @param contract what its records mean, who writes and who reads them
 */
public record TopicDefinition(String name, int partitions, Map<String, String> configs, TopicContract contract) {
    public TopicDefinition {
        configs = Map.copyOf(configs);
    }

    /** The largest record that the topic is to take, bytes; empty where the cluster's own default will do. */
    public Optional<Long> maxRecordBytes() {
        return Optional.ofNullable(configs.get(Topics.MAX_MESSAGE_BYTES)).map(Long::valueOf);
    }

    /** The same with one more setting, or another value of it. */
    TopicDefinition with(String key, String value) {
        Map<String, String> all = new TreeMap<>(configs);
        all.put(key, value);
        return new TopicDefinition(name, partitions, all, contract);
    }

    /** The same with the cluster's own default of a setting. */
    TopicDefinition without(String key) {
        Map<String, String> all = new TreeMap<>(configs);
        all.remove(key);
        return new TopicDefinition(name, partitions, all, contract);
    }
}
