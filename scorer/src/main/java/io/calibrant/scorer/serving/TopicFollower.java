package io.calibrant.scorer.serving;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.reading.ReadResult;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the topics of a catalogue from their beginning, in no consumer group, goes on with what arrives, and fetches
 * single records again.
 */
final class TopicFollower implements CatalogueFeed {
    private static final Logger LOG = LoggerFactory.getLogger(TopicFollower.class);
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration POLL = Duration.ofSeconds(1);

    /** Records between two wanted ones that are read over; a larger gap is skipped. */
    private static final long GAP = 100;

    private final Connection connection;
    private final Catalogue catalogue;
    private final UnservableRecords refused;
    private final TopicReader reader;
    private KafkaConsumer<byte[], byte[]> fetcher;
    private boolean news;

    /**
     * Finds the topics and goes to their beginning.
     *
     * @param listener hears of records that become dead letters
     * @throws IllegalStateException naming the topics that are missing
     * @throws TimeoutException naming the address if no broker answers
     */
    TopicFollower(Connection connection, Catalogue catalogue, ServingListener listener) {
        this.connection = connection;
        this.catalogue = catalogue;
        refused = new UnservableRecords(connection, listener);
        TopicReading reading = TopicReading.of(connection).badRecords(LOG::warn);
        catalogue.sources().forEach(topic -> reading.results(topic, this::take));
        reader = reading.follow();
    }

    private ReadResult<Boolean> take(ConsumerRecord<byte[], byte[]> record) {
        ReadResult<Boolean> result = catalogue.accept(record);
        if (result instanceof ReadResult.Bad<Boolean> bad) {
            refused.add(record, bad.reason());
            news = true; // what is missed is missed for another reason now
        }
        return result.map(isNews -> {
            news |= isNews;
            return isNews;
        });
    }

    @Override
    public boolean catchUp() {
        reader.markEnd();
        reader.readToEnd();
        return takeNews();
    }

    @Override
    public boolean poll(Duration timeout) {
        reader.poll(timeout);
        return takeNews();
    }

    /** What came before a failure counts, too. */
    private boolean takeNews() {
        boolean taken = news;
        news = false;
        return taken;
    }

    private KafkaConsumer<byte[], byte[]> open() {
        Map<String, Object> configs = new HashMap<>(connection.consumer(null));
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        return new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    @Override
    public Map<RecordPosition, byte[]> fetch(Collection<RecordPosition> positions) {
        Map<TopicPartition, NavigableSet<Long>> wanted = new HashMap<>();
        positions.forEach(position -> wanted.computeIfAbsent(position.partition(), p -> new TreeSet<>())
                .add(position.offset()));
        Map<RecordPosition, byte[]> found = new HashMap<>();
        if (fetcher == null) {
            fetcher = open();
        }
        fetcher.assign(wanted.keySet());
        wanted.forEach((partition, offsets) -> fetcher.seek(partition, offsets.first()));
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!wanted.isEmpty()) {
            for (ConsumerRecord<byte[], byte[]> record : fetcher.poll(POLL)) {
                TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                if (wanted.containsKey(partition) && wanted.get(partition).contains(record.offset())) {
                    found.put(new RecordPosition(partition, record.offset()), record.value());
                    deadline = System.nanoTime() + PATIENCE.toNanos();
                }
            }
            wanted.entrySet().removeIf(entry -> !goesOn(entry.getKey(), entry.getValue()));
            if (System.nanoTime() > deadline) {
                throw new TimeoutException("records of " + wanted.keySet() + " do not come");
            }
        }
        fetcher.unsubscribe();
        return found;
    }

    /** Skips to the next offset that is wanted of a partition; false if there is none. */
    private boolean goesOn(TopicPartition partition, NavigableSet<Long> offsets) {
        long position = fetcher.position(partition);
        offsets.headSet(position).clear();
        if (offsets.isEmpty()) {
            fetcher.pause(List.of(partition));
            return false;
        }
        if (offsets.first() - position > GAP) {
            fetcher.seek(partition, offsets.first());
        }
        return true;
    }

    @Override
    public void wakeup() {
        reader.wakeup();
    }

    @Override
    public void close() {
        reader.close();
        refused.close();
        if (fetcher != null) {
            fetcher.close(CloseOptions.timeout(Duration.ZERO));
        }
    }
}
