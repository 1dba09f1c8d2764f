package io.calibrant.schemas;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Every topic of the system, the only place where their names are written. A prefix keeps several installations apart
 * on one cluster.
 *
 * @param prefix put before every name; empty for none
 */
public record Topics(String prefix) {
    /** A record of a statistics or factors topic may be this large, bytes. */
    public static final int MAX_RECORD_BYTES = 64 << 20;

    /** How long the topics that are not compacted keep a record. */
    public static final Duration RETENTION = Duration.ofDays(90);

    private static final int PARTITIONS = 4;
    private static final String NINETY_DAYS = Long.toString(RETENTION.toMillis());

    public Topics {
        if (!prefix.matches("[A-Za-z0-9._-]{0,100}")) {
            throw new IllegalArgumentException("--topic-prefix: '" + prefix
                    + "' cannot start a topic name: accepted are letters, digits, '.', '_' and '-'");
        }
    }

    public String runs() {
        return prefix + "runs";
    }

    public String adapters() {
        return prefix + "adapters";
    }

    public String progress() {
        return prefix + "progress";
    }

    public String statistics() {
        return prefix + "statistics";
    }

    public String factorUpdates() {
        return prefix + "factor-updates";
    }

    public String factors() {
        return prefix + "factors";
    }

    public String posteriors() {
        return prefix + "posteriors";
    }

    public String fits() {
        return prefix + "fits";
    }

    public String questions() {
        return prefix + "questions";
    }

    public String answers() {
        return prefix + "answers";
    }

    public String labels() {
        return prefix + "labels";
    }

    public String predictiveStatistics() {
        return prefix + "predictive-statistics";
    }

    public String calibration() {
        return prefix + "calibration";
    }

    /** Bad records of the fitter's inputs. */
    public String fitterDeadLetters() {
        return prefix + "calibrant-fitter.dlq";
    }

    /** Bad records of the scorer's inputs. */
    public String scorerDeadLetters() {
        return prefix + "calibrant-scorer.dlq";
    }

    /** All topics as they should be, in the order of the data flow. */
    public List<TopicDefinition> definitions() {
        return List.of(
                compacted(runs(), false),
                compacted(adapters(), true),
                deleted(progress(), false),
                deleted(statistics(), true),
                deleted(factorUpdates(), false),
                compacted(factors(), true),
                compacted(fits(), false),
                compacted(posteriors(), false),
                deleted(questions(), false),
                deleted(answers(), false),
                deleted(labels(), false),
                deleted(predictiveStatistics(), true),
                definition(
                        calibration(), Map.of("cleanup.policy", "compact,delete", "retention.ms", NINETY_DAYS), false),
                deleted(fitterDeadLetters(), true),
                deleted(scorerDeadLetters(), true));
    }

    private static TopicDefinition compacted(String name, boolean large) {
        return definition(name, Map.of("cleanup.policy", "compact"), large);
    }

    private static TopicDefinition deleted(String name, boolean large) {
        return definition(name, Map.of("cleanup.policy", "delete", "retention.ms", NINETY_DAYS), large);
    }

    private static TopicDefinition definition(String name, Map<String, String> configs, boolean large) {
        Map<String, String> all = new TreeMap<>(configs);
        if (large) {
            all.put("max.message.bytes", Integer.toString(MAX_RECORD_BYTES));
        }
        return new TopicDefinition(name, PARTITIONS, all);
    }
}
