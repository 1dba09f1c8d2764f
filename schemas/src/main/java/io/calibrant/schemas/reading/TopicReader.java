package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads topics as {@link TopicReading} says. Of a partition the records come in their order. A record whose schema
 * cannot be asked for keeps its place: it comes again, and nothing comes before it.
 *
 * <p>Not thread-safe, but for {@link #wakeup}.
 */
public final class TopicReader implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(200);

    /** Where the end is known nothing is waited for, and a fetch that waits for news would only delay what comes. */
    private static final String BOUNDED_FETCH_WAIT_MS = "20";

    /** A broker of which nothing has been heard for so long is asked whether it is there. */
    private static final Duration QUIET = Duration.ofSeconds(1);

    /** How long a call may take that is made again where it fails. */
    private static final Duration CALL = Duration.ofSeconds(5);

    /** The same of a call that is not. */
    private static final Duration OPENING = Duration.ofSeconds(20);

    /** A bounded reader that does not wait for outages gives up after so long without progress. */
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    /** Between two questions to a registry that is away. */
    private static final Duration AGAIN = Duration.ofMillis(500);

    private final Connection connection;
    private final Map<String, RecordHandler> handlers;
    private final List<RecordDecoder<?>> decoders;
    private final ReadPolicy policy;
    private final boolean bounded;
    private final Outages outages;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Set<String> missing = new TreeSet<>();
    private final List<TopicPartition> partitions = new ArrayList<>();
    private final Map<TopicPartition, Long> starts = new HashMap<>();
    private final Map<TopicPartition, Long> ends = new HashMap<>();
    private Iterator<ConsumerRecord<byte[], byte[]>> fetched = Collections.emptyIterator();
    private ConsumerRecord<byte[], byte[]> kept;
    private long keptAt;
    private Source latest;
    private BrokerProbe probe;
    private boolean topicsKnown;
    private boolean reachedTheEnd;
    private long positions;
    private long heard = System.nanoTime();

    /** A partition with what takes its records. */
    private record Source(String topic, int partition, RecordHandler handler, long end) {}

    TopicReader(
            Connection connection,
            Map<String, RecordHandler> handlers,
            List<RecordDecoder<?>> decoders,
            ReadPolicy policy) {
        this.connection = connection;
        this.handlers = handlers;
        this.decoders = decoders;
        this.policy = policy;
        this.bounded = policy.bounded();
        this.outages = new Outages(connection, policy.outages());
        Map<String, Object> configs = connection.consumer(null);
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        if (bounded) {
            configs.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, BOUNDED_FETCH_WAIT_MS);
        }
        consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        if (policy.awaitingTopics()) {
            missing.addAll(handlers.keySet());
            return;
        }
        try {
            List<String> absent = new ArrayList<>();
            for (String topic : handlers.keySet()) {
                if (!insist(topic)) {
                    absent.add(topic);
                }
            }
            TopicAdmin.requireNone(absent);
            topicsKnown = true;
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** A topic as it is now; see {@link TopicReading#latest}. */
    public static <V extends SpecificRecord> Map<String, V> latest(
            Connection connection, String topic, Class<V> type, Consumer<String> badRecords) {
        return TopicReading.of(connection).badRecords(badRecords).latest(topic, type);
    }

    /** Adds a topic; waits for the broker where outages are waited for. False where there is no such topic. */
    private boolean insist(String topic) {
        while (true) {
            try {
                return add(topic, outages.areWaitedFor() ? CALL : OPENING);
            } catch (RetriableException e) {
                if (!outages.areWaitedFor()) {
                    throw new TimeoutException(
                            "broker " + connection.bootstrapServers() + " does not answer: " + e.getMessage(), e);
                }
                outages.brokerAway();
            }
        }
    }

    /** Finds the partitions of a topic and where they begin and end; changes nothing where that fails. */
    private boolean add(String topic, Duration timeout) {
        List<PartitionInfo> found = consumer.partitionsFor(topic, timeout);
        if (found == null || found.isEmpty()) {
            return false;
        }
        List<TopicPartition> added = found.stream()
                .filter(info -> policy.partitions().test(info.partition()))
                .map(info -> new TopicPartition(topic, info.partition()))
                .toList();
        Map<TopicPartition, Long> begin = consumer.beginningOffsets(added, timeout);
        Map<TopicPartition, Long> end = consumer.endOffsets(added, timeout);
        partitions.addAll(added);
        starts.putAll(begin);
        ends.putAll(end);
        consumer.assign(partitions); // those that it had before keep their positions
        (policy.fromNow() ? end : begin).forEach(consumer::seek);
        heard();
        return true;
    }

    /**
     * Hands on the next records, waiting for them if there are none yet.
     *
     * @return how many were handed on, bad ones too
     * @throws RegistryUnavailableException if a record's schema cannot be asked for and outages are not waited for; the
     *     record comes again with the next call
     * @throws TimeoutException if a bounded reader makes no progress for minutes and outages are not waited for
     */
    public int poll(Duration patience) {
        if (outages.areWaitedFor() || !missing.isEmpty()) {
            ask();
        }
        if (kept != null) {
            long left = keptAt + AGAIN.toNanos() - System.nanoTime();
            if (left > 0) {
                pause(Math.min(left, patience.toNanos()));
                if (left > patience.toNanos()) {
                    return 0;
                }
            }
        } else if (!fetched.hasNext()) {
            fetch(patience);
        }
        return handOn();
    }

    /** Asks whether the broker is there and which topics it has, where that is not known from what it sends. */
    private void ask() {
        boolean quiet = System.nanoTime() - heard > QUIET.toNanos();
        if (missing.isEmpty() && !quiet && !outages.isBrokerAway()) {
            return;
        }
        if (probe == null) {
            probe = new BrokerProbe(connection);
        }
        probe.ask(this::answered, outages::brokerAway);
    }

    private void answered(Set<String> there) {
        try {
            for (String topic : List.copyOf(missing)) {
                if (there.contains(topic) && add(topic, CALL)) {
                    missing.remove(topic);
                }
            }
            topicsKnown = true;
            heard();
        } catch (RetriableException e) {
            outages.brokerAway();
        }
    }

    private void heard() {
        heard = System.nanoTime();
        outages.brokerBack();
    }

    private void fetch(Duration patience) {
        if (partitions.isEmpty()) {
            if (probe == null || !probe.await(patience)) {
                pause(patience.toNanos());
            }
            return;
        }
        try {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(patience);
            fetched = records.iterator();
            if (!records.isEmpty() || hasMovedOn()) {
                heard();
            } else if (bounded && !outages.areWaitedFor() && System.nanoTime() - heard > PATIENCE.toNanos()) {
                throw new TimeoutException("Kafka at " + connection.bootstrapServers() + " hands out no more of topics "
                        + handlers.keySet() + " (waited " + PATIENCE.toSeconds() + " s)");
            }
        } catch (RetriableException e) {
            if (!outages.areWaitedFor()) {
                throw e;
            }
            outages.brokerAway();
            pause(patience.toNanos());
        }
    }

    private int handOn() {
        int taken = 0;
        while (kept != null || fetched.hasNext()) {
            if (kept == null) {
                kept = fetched.next();
            }
            Source source = source(kept);
            if (!bounded || kept.offset() < source.end()) {
                ReadResult<?> result = source.handler().take(kept);
                if (result instanceof ReadResult.NotNow<?> notNow) {
                    keptAt = System.nanoTime();
                    if (!outages.areWaitedFor()) {
                        throw notNow.failure();
                    }
                    outages.registryAway(notNow.failure().getMessage());
                    return taken;
                }
                if (result instanceof ReadResult.Bad<?> bad) {
                    policy.badRecords()
                            .accept("skipped " + kept.topic() + "-" + kept.partition() + " at offset " + kept.offset()
                                    + ": " + bad.reason());
                }
                outages.registryBack();
                taken++;
            }
            kept = null;
        }
        return taken;
    }

    /** Looked up once for many records: those of a partition come together. */
    private Source source(ConsumerRecord<byte[], byte[]> record) {
        if (latest == null
                || latest.partition() != record.partition()
                || !latest.topic().equals(record.topic())) {
            latest = new Source(
                    record.topic(),
                    record.partition(),
                    handlers.get(record.topic()),
                    ends.get(new TopicPartition(record.topic(), record.partition())));
        }
        return latest;
    }

    private static void pause(long nanos) {
        try {
            Thread.sleep(Duration.ofNanos(nanos).toMillis());
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }

    /** Over records of aborted transactions, which are never handed out. */
    private boolean hasMovedOn() {
        long before = positions;
        positions = partitions.stream().mapToLong(this::position).sum();
        return positions > before;
    }

    /** Known without asking, but where retention has dropped what was to be read next. */
    private long position(TopicPartition partition) {
        try {
            return consumer.position(partition, QUIET);
        } catch (TimeoutException e) {
            return -1;
        }
    }

    /**
     * Whether everything has been handed on that was there when this reader was opened, or {@link #markEnd} was called.
     * False before it is known which topics there are.
     */
    public boolean hasReachedTheEnd() {
        reachedTheEnd = reachedTheEnd
                || (topicsKnown
                        && kept == null
                        && !fetched.hasNext()
                        && partitions.stream().allMatch(partition -> position(partition) >= ends.get(partition)));
        return reachedTheEnd;
    }

    /** Hands on everything up to the end; see {@link #poll} and {@link #hasReachedTheEnd}. */
    public void readToEnd() {
        while (!hasReachedTheEnd()) {
            poll(POLL);
        }
    }

    /**
     * Makes the present end of the topics the one of {@link #hasReachedTheEnd}: what was committed before this call is
     * handed on once that is true.
     *
     * @throws TimeoutException if the broker does not answer
     */
    public void markEnd() {
        ends.putAll(consumer.endOffsets(partitions));
        latest = null;
        reachedTheEnd = false;
    }

    /** Where the partitions began when this reader was opened; more than 0 where retention has dropped something. */
    public Map<TopicPartition, Long> starts() {
        return Collections.unmodifiableMap(starts);
    }

    /** Who does not answer at present, in one line with the address; empty while all is well. */
    public String problem() {
        return outages.problem();
    }

    /** Topics that are awaited. */
    public Set<String> missing() {
        return new TreeSet<>(missing);
    }

    /** Makes a call that waits for the broker throw a WakeupException; from any thread. */
    public void wakeup() {
        consumer.wakeup();
    }

    @Override
    public void close() {
        decoders.forEach(RecordDecoder::close);
        if (probe != null) {
            probe.close();
        }
        // In no group there is nobody to take leave of; else it waits for a fetch under way, up to half a second.
        consumer.close(CloseOptions.timeout(Duration.ZERO));
    }
}
