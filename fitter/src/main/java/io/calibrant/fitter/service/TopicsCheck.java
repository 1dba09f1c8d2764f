package io.calibrant.fitter.service;

import io.calibrant.fitter.topology.InputPartitions;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.Topics;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.errors.InterruptException;

/** Whether the topics exist, and those that are joined are co-partitioned. */
final class TopicsCheck {
    private static final int LOOKS = 10;

    private final TopicAdmin admin;
    private final Topics topics;

    TopicsCheck(TopicAdmin admin, Topics topics) {
        this.admin = admin;
        this.topics = topics;
    }

    /**
     * Checks them.
     *
     * @return the numbers of partitions of the inputs
     * @throws IllegalStateException naming what is missing, or two topics whose numbers of partitions differ
     */
    InputPartitions check() {
        Map<String, Integer> partitions = partitions();
        // A topic that was created a moment ago may not be known to every broker yet.
        for (int look = 0; look < LOOKS && partitions.containsValue(0); look++) {
            pause();
            partitions = partitions();
        }
        List<String> missing = partitions.entrySet().stream()
                .filter(topic -> topic.getValue() == 0)
                .map(Map.Entry::getKey)
                .toList();
        TopicAdmin.requireNone(missing, ", or start with --create-topics");
        requireCopartitioned(partitions);
        return new InputPartitions(partitions.get(topics.statistics()), partitions.get(topics.answers()));
    }

    /**
     * Checks them as they would be with those created that are missing, so that none is created in vain.
     *
     * @throws IllegalStateException naming two topics whose numbers of partitions would differ
     */
    void requireCreatable() {
        Map<String, Integer> partitions = partitions();
        topics.definitions().forEach(definition -> partitions.replace(definition.name(), 0, definition.partitions()));
        requireCopartitioned(partitions);
    }

    private void requireCopartitioned(Map<String, Integer> partitions) {
        requireCopartitioned(partitions, topics.answers(), topics.labels());
        requireCopartitioned(partitions, topics.statistics(), topics.factors());
    }

    private static void requireCopartitioned(Map<String, Integer> partitions, String one, String other) {
        int first = partitions.get(one);
        int second = partitions.get(other);
        if (first != second) {
            String fewer = first < second ? one : other;
            int more = Math.max(first, second);
            throw new IllegalStateException("topics " + one + " and " + other + " must be co-partitioned: " + first
                    + " and " + second + " partitions; give " + fewer + " " + more
                    + " too (kafka-topics.sh --alter --topic " + fewer + " --partitions " + more
                    + "), and where a fit has begun delete it with 'calibrant fits --delete NAME --force'");
        }
    }

    private Map<String, Integer> partitions() {
        return admin.partitions(List.of(
                topics.runs(),
                topics.statistics(),
                topics.factorUpdates(),
                topics.factors(),
                topics.posteriors(),
                topics.fits(),
                topics.answers(),
                topics.labels(),
                topics.predictiveStatistics(),
                topics.calibration(),
                topics.fitterDeadLetters()));
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(300);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }
}
