package io.calibrant.schemas;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * What makes a topic the same one. A topic that is deleted and created anew has its old name and another id; what a
 * service has made of the old one is not of the new one.
 *
 * @param id Kafka's own; all zero where the broker does not say it, see {@link #hasId}
 * @param partitions their number; where it grows, keys move
 */
public record TopicIdentity(String id, int partitions) {
    private static final String UNKNOWN = Uuid.ZERO_UUID.toString();

    /** Whether the broker says which topic it is: with metadata of before Kafka 2.8 it does not. */
    public boolean hasId() {
        return !id.equals(UNKNOWN);
    }

    /** Whether this is another topic than that of an id, so far as both are known. */
    public boolean isOtherThan(String other) {
        return hasId() && !other.equals(UNKNOWN) && !id.equals(other);
    }

    /**
     * What some topics are now.
     *
     * @return by name; a topic that does not exist is left out
     * @throws ExecutionException if the cluster does not answer
     */
    public static Map<String, TopicIdentity> of(Admin admin, Collection<String> topics)
            throws InterruptedException, ExecutionException {
        Map<String, TopicIdentity> found = new TreeMap<>();
        Map<String, KafkaFuture<TopicDescription>> asked =
                new HashMap<>(admin.describeTopics(topics).topicNameValues());
        for (Map.Entry<String, KafkaFuture<TopicDescription>> each : asked.entrySet()) {
            try {
                TopicDescription description = each.getValue().get();
                found.put(
                        each.getKey(),
                        new TopicIdentity(
                                description.topicId().toString(),
                                description.partitions().size()));
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
                    throw e;
                }
            }
        }
        return found;
    }

    /**
     * The first topic that is another one than it was, in words.
     *
     * @return for example {@code topic runs was deleted and created anew}; null where nothing has changed
     */
    public static String change(Map<String, TopicIdentity> before, Map<String, TopicIdentity> now) {
        for (Map.Entry<String, TopicIdentity> was : new TreeMap<>(before).entrySet()) {
            TopicIdentity is = now.get(was.getKey());
            if (is == null) {
                return "topic " + was.getKey() + " was deleted";
            }
            if (is.isOtherThan(was.getValue().id)) {
                return "topic " + was.getKey() + " was deleted and created anew";
            }
            if (is.partitions != was.getValue().partitions) {
                return "topic " + was.getKey() + " has " + is.partitions + " partitions now, it had "
                        + was.getValue().partitions;
            }
        }
        return null;
    }
}
