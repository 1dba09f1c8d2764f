package io.calibrant.schemas;

import java.util.Map;

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
}
