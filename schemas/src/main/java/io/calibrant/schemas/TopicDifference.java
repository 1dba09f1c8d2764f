package io.calibrant.schemas;

import java.util.Map;
import java.util.TreeMap;

/**
 * The difference between a topic and its definition.
 *
 * @param definition the topic as it should be
 * @param partitions the partitions it has; 0 where it is missing
 * @param configs settings that differ, by key, with the topic's values; empty where the topic is missing
 */
public record TopicDifference(TopicDefinition definition, int partitions, Map<String, String> configs) {
    public TopicDifference {
        configs = Map.copyOf(configs);
    }

    /** Whether the topic does not exist. */
    public boolean missing() {
        return partitions == 0;
    }

    /** Whether the topic matches its definition. */
    public boolean none() {
        return partitions == definition.partitions() && configs.isEmpty();
    }

    /**
     * Whether the partitions differ in a way that cannot be repaired in place: keys would move to other partitions, and
     * the order of a key's records would be lost.
     */
    public boolean partitionsDiffer() {
        return !missing() && partitions != definition.partitions();
    }

    /** For people: {@code missing}, or what is there and what should be, or {@code as it should be}. */
    public String describe() {
        if (missing()) {
            return "missing: " + definition.partitions() + " partitions " + new TreeMap<>(definition.configs());
        }
        StringBuilder text = new StringBuilder();
        if (partitionsDiffer()) {
            text.append(partitions)
                    .append(" partitions, should be ")
                    .append(definition.partitions())
                    .append(" (delete and create it anew: keys would move)");
        }
        new TreeMap<>(configs)
                .forEach((key, value) -> text.append(text.isEmpty() ? "" : "; ")
                        .append(key)
                        .append(" is ")
                        .append(value)
                        .append(", should be ")
                        .append(definition.configs().get(key)));
        return text.isEmpty() ? "as it should be" : text.toString();
    }
}
