package io.calibrant.schemas;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * How often new topics are kept, the fitter's internal ones too. Where nothing is said, the cluster's own defaults
 * hold.
 *
 * @param factor brokers that keep each partition
 * @param minInsync of these, so many must have a record before it counts as written
 */
public record Replication(Optional<Short> factor, Optional<Integer> minInsync) {
    /** Key of {@code --replication-factor}. */
    public static final String FACTOR = "calibrant.replication.factor";

    /** Key of {@code --min-insync-replicas}. */
    public static final String MIN_INSYNC = "calibrant.min.insync.replicas";

    /** The topic configuration that {@link #minInsync} sets, in Kafka's own words. */
    public static final String MIN_INSYNC_REPLICAS = "min.insync.replicas";

    /**
     * Checks both.
     *
     * @throws ConfigurationException naming the flag that is not accepted
     */
    public Replication {
        factor.ifPresent(each -> Require.between("--replication-factor", each, 1, Short.MAX_VALUE));
        minInsync.ifPresent(each -> Require.between(
                "--min-insync-replicas", each, 1, factor.map(Short::longValue).orElse((long) Short.MAX_VALUE)));
    }

    /**
     * What a connection says.
     *
     * @throws ConfigurationException naming the flag that is not accepted
     */
    public static Replication of(Connection connection) {
        return new Replication(
                number(connection, FACTOR, "--replication-factor").map(Integer::shortValue),
                number(connection, MIN_INSYNC, "--min-insync-replicas"));
    }

    private static Optional<Integer> number(Connection connection, String key, String flag) {
        String value = connection.properties().get(key);
        if (value == null) {
            return Optional.empty();
        }
        try {
            int number = Integer.parseInt(value.strip());
            Require.between(flag, number, 1, Short.MAX_VALUE);
            return Optional.of(number);
        } catch (NumberFormatException e) {
            throw new ConfigurationException(flag, value, "a whole number", e);
        }
    }

    /** Definitions with what this says of a topic's configuration. */
    List<TopicDefinition> in(List<TopicDefinition> definitions) {
        return minInsync
                .map(least -> definitions.stream()
                        .map(each -> each.with(MIN_INSYNC_REPLICAS, Integer.toString(least)))
                        .toList())
                .orElse(definitions);
    }

    /**
     * What may be lost, or stand still, with the replicas that topics have: one line each.
     *
     * @param topics of one cluster
     * @param brokers how many it has
     */
    static List<String> warnings(List<TopicDifference> topics, int brokers) {
        List<TopicDifference> there =
                topics.stream().filter(topic -> !topic.missing()).toList();
        List<String> warnings = new ArrayList<>();
        if (brokers > 1) {
            List<String> single = there.stream()
                    .filter(topic -> topic.replicas() == 1)
                    .map(topic -> topic.definition().name())
                    .toList();
            if (!single.isEmpty()) {
                warnings.add("warning: one replica on " + brokers + " brokers, so that losing one loses records: "
                        + String.join(", ", single)
                        + "; new topics: --replication-factor 3, those that exist: kafka-reassign-partitions.sh");
            }
        }
        Map<String, List<String>> stuck = there.stream()
                .filter(topic -> topic.minInsync() > 1 && topic.minInsync() >= topic.replicas())
                .collect(Collectors.groupingBy(
                        topic -> topic.replicas() + " replicas, " + MIN_INSYNC_REPLICAS + "=" + topic.minInsync(),
                        TreeMap::new,
                        Collectors.mapping(topic -> topic.definition().name(), Collectors.toList())));
        stuck.forEach((what, names) -> warnings.add("warning: " + what
                + ", so that nothing can be written while one broker is away: " + String.join(", ", names)
                + "; --min-insync-replicas should be lower than the replicas"));
        return warnings;
    }
}
