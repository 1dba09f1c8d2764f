package io.calibrant.schemas;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The difference between a topic and its definition.
 *
 * @param definition the topic as it should be
 * @param partitions the partitions it has; 0 where it is missing
 * @param replicas the fewest brokers that keep one of its partitions; 0 where it is missing
 * @param minInsync the brokers that must have a record before it counts as written; 0 where that is not known
 * @param configs settings that differ, by key, with the topic's values; empty where the topic is missing
 */
public record TopicDifference(
        TopicDefinition definition, int partitions, int replicas, int minInsync, Map<String, String> configs) {
    public TopicDifference {
        configs = Map.copyOf(configs);
    }

    /** A topic that does not exist. */
    static TopicDifference missing(TopicDefinition definition) {
        return new TopicDifference(definition, 0, 0, 0, Map.of());
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

    /** The same, where one of the differing settings is accepted as it is. */
    TopicDifference accepting(String key) {
        Map<String, String> others = new TreeMap<>(configs);
        others.remove(key);
        return new TopicDifference(definition, partitions, replicas, minInsync, others);
    }

    /** The same, with another definition. */
    public TopicDifference as(TopicDefinition other) {
        return new TopicDifference(other, partitions, replicas, minInsync, configs);
    }

    /** What setting all that differs changes, for people: {@code retention.ms from 1000 to 7776000000}. */
    public String changes() {
        return new TreeMap<>(configs)
                .entrySet().stream()
                        .map(each -> each.getKey() + " from "
                                + (each.getValue().isEmpty() ? "nothing" : each.getValue()) + " to "
                                + definition.configs().get(each.getKey()))
                        .collect(Collectors.joining(", "));
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
