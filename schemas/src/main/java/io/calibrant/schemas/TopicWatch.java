package io.calibrant.schemas;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Notices that a topic was deleted, was deleted and created anew, or has more partitions than before, while a service
 * runs on it: clients go on in silence, with state that belongs to records which are no more, or without the records of
 * the new partitions. Never waits. Not thread-safe.
 */
public final class TopicWatch implements AutoCloseable {
    private static final Duration EVERY = Duration.ofSeconds(2);

    /** A broker that has just started, or learns late of a topic, may once not know it. */
    private static final int TIMES = 2;

    private final Function<List<String>, Map<String, KafkaFuture<TopicDescription>>> describe;
    private final Runnable end;
    private final List<String> topics;
    private final String service;
    private final LongSupplier nanos;
    private final Map<String, TopicDescription> known = new HashMap<>();
    private final Map<String, Integer> missed = new HashMap<>();
    private Map<String, KafkaFuture<TopicDescription>> asked = Map.of();
    private long askedAt;

    /**
     * Remembers nothing yet: the topics that the first answer finds are the right ones.
     *
     * @param topics that the service cannot do without
     * @param service for messages, for example {@code score}
     */
    public TopicWatch(Connection connection, List<String> topics, String service) {
        this(Admin.create(connection.admin()), topics, service);
    }

    private TopicWatch(Admin admin, List<String> topics, String service) {
        this(
                names -> admin.describeTopics(names).topicNameValues(),
                () -> admin.close(Duration.ZERO),
                topics,
                service,
                System::nanoTime);
    }

    /**
     * As {@link #TopicWatch(Connection, List, String)}.
     *
     * @param describe asks for the topics, without waiting
     * @param end called when this is closed
     * @param nanos the clock, in nanoseconds from any moment
     */
    TopicWatch(
            Function<List<String>, Map<String, KafkaFuture<TopicDescription>>> describe,
            Runnable end,
            List<String> topics,
            String service,
            LongSupplier nanos) {
        this.describe = describe;
        this.end = end;
        this.topics = List.copyOf(topics);
        this.service = service;
        this.nanos = nanos;
        askedAt = nanos.getAsLong() - EVERY.toNanos();
    }

    /**
     * Looks at the last answer where it has come, and asks again where it is time to.
     *
     * @throws IllegalStateException naming the topics that are gone, others by the same name, or larger, and what to do
     */
    public void check() {
        if (!asked.isEmpty() && asked.values().stream().allMatch(KafkaFuture::isDone)) {
            Map<String, KafkaFuture<TopicDescription>> answer = asked;
            asked = Map.of();
            look(answer);
        }
        long now = nanos.getAsLong();
        if (asked.isEmpty() && now - askedAt >= EVERY.toNanos()) {
            askedAt = now;
            asked = describe.apply(topics);
        }
    }

    private void look(Map<String, KafkaFuture<TopicDescription>> answer) {
        List<String> gone = new ArrayList<>();
        List<String> anew = new ArrayList<>();
        List<String> grown = new ArrayList<>();
        for (String topic : topics) {
            try {
                TopicDescription now = answer.get(topic).get();
                missed.remove(topic);
                TopicDescription before = known.putIfAbsent(topic, now);
                if (before != null && !before.topicId().equals(now.topicId())) {
                    anew.add(topic);
                } else if (before != null
                        && before.partitions().size() != now.partitions().size()) {
                    grown.add("topic " + topic + " had " + before.partitions().size() + " partitions and has "
                            + now.partitions().size());
                }
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            } catch (ExecutionException e) {
                // Of a broker that does not answer others speak, and what may not be described is not known.
                if (e.getCause() instanceof UnknownTopicOrPartitionException
                        && missed.merge(topic, 1, Integer::sum) >= TIMES) {
                    gone.add(topic);
                }
            }
        }
        if (!gone.isEmpty()) {
            throw new IllegalStateException(named(gone) + " deleted under a running 'calibrant " + service
                    + "': create with 'calibrant topics --apply', then start it again");
        }
        if (!anew.isEmpty()) {
            throw new IllegalStateException(named(anew) + " deleted and created anew under a running 'calibrant "
                    + service + "': what it holds is of records that are no more; start it again");
        }
        if (!grown.isEmpty()) {
            throw new IllegalStateException(String.join(", ", grown) + ": a running 'calibrant " + service
                    + "' does not read the new ones; start it again");
        }
    }

    private static String named(List<String> topics) {
        return (topics.size() > 1 ? "topics " : "topic ")
                + String.join(", ", topics)
                + (topics.size() > 1 ? " were" : " was");
    }

    @Override
    public void close() {
        end.run();
    }
}
