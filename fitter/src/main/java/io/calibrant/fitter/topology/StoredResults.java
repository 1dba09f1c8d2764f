package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.CalibrationFactory;
import io.calibrant.fitter.labels.CalibrationState;
import io.calibrant.fitter.labels.CalibrationWindow;
import io.calibrant.fitter.labels.RecentLabels;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreType;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;

/**
 * What the stores of this process hold, as a thread beside the stream threads reads it: there right after a restart,
 * and without what belongs to deleted runs. It may be a transaction ahead of what is committed. Where the application
 * does not run, {@link #look} throws an IllegalStateException or an InvalidStateStoreException. Not thread-safe.
 */
public final class StoredResults implements AutoCloseable {
    /** How often all windows of topic calibration are read, for the names of the totals and the newest labels. */
    private static final Duration SEARCH = Duration.ofMinutes(1);

    /** No more than this share of the time is spent on it. */
    private static final int SEARCH_SHARE = 100;

    private final Connection connection;
    private final double expectedRunLength;
    private final Set<String> totals = new TreeSet<>();
    private List<RecentLabels> recent = List.of();
    private Deserializer<Run> decoder;
    private KafkaStreams last;
    private RunTable table;
    private boolean searched;
    private long nextSearch;

    /**
     * What is there at a moment, of runs that are there.
     *
     * @param runs their names
     * @param posteriors the latest ones of the partitions of this process
     * @param totals what the labels of all their answers say of the fits that this process counts
     * @param recent what those of the newest answers say
     */
    public record Results(
            Set<String> runs, List<Posterior> posteriors, List<CalibrationMetrics> totals, List<RecentLabels> recent) {}

    /** @param expectedRunLength questions expected until a false alarm */
    public StoredResults(Connection connection, double expectedRunLength) {
        this.connection = connection;
        this.expectedRunLength = expectedRunLength;
    }

    /** Reads the stores. */
    public Results look(KafkaStreams streams) {
        Existing existing = new Existing(streams);
        List<CalibrationMetrics> found = totals(streams, existing);
        List<RecentLabels> newest = recent.stream()
                .filter(each -> existing.has(each.run(), each.checkpoint()))
                .toList();
        return new Results(existing.names, posteriors(streams, existing), found, newest);
    }

    private static Set<String> runs(KafkaStreams streams) {
        Set<String> names = new TreeSet<>();
        try (KeyValueIterator<String, ValueAndTimestamp<byte[]>> all =
                runStore(streams).all()) {
            all.forEachRemaining(each -> names.add(each.key));
        }
        return names;
    }

    private static List<Posterior> posteriors(KafkaStreams streams, Existing existing) {
        List<Posterior> posteriors = new ArrayList<>();
        ReadOnlyKeyValueStore<String, Posterior> store =
                store(streams, StoreNames.POSTERIORS, QueryableStoreTypes.keyValueStore());
        try (KeyValueIterator<String, Posterior> all = store.all()) {
            all.forEachRemaining(each -> {
                if (existing.has(each.value.getRunId(), each.value.getCheckpoint())) {
                    posteriors.add(each.value);
                }
            });
        }
        return posteriors;
    }

    private List<CalibrationMetrics> totals(KafkaStreams streams, Existing existing) {
        ReadOnlyKeyValueStore<String, CalibrationState> store =
                store(streams, StoreNames.CALIBRATION, QueryableStoreTypes.keyValueStore());
        search(store);
        List<CalibrationMetrics> found = new ArrayList<>();
        totals.removeIf(key -> {
            CalibrationState state = store.get(key);
            if (state != null) {
                CalibrationMetrics total = CalibrationFactory.metrics(key, state, expectedRunLength);
                if (existing.has(total.getRunId(), total.getCheckpoint())) {
                    found.add(total);
                }
            }
            return state == null;
        });
        return found;
    }

    private void search(ReadOnlyKeyValueStore<String, CalibrationState> store) {
        long begin = System.nanoTime();
        if (searched && begin - nextSearch < 0) {
            return;
        }
        Map<String, RecentLabels.Windows> windows = new TreeMap<>();
        try (KeyValueIterator<String, CalibrationState> all = store.all()) {
            all.forEachRemaining(each -> {
                // Labels that no answer has met are counted under a key without a checkpoint.
                if (each.key.contains("//")) {
                    return;
                }
                int behind = each.key.lastIndexOf('/');
                String window = each.key.substring(behind + 1);
                if (window.equals(CalibrationWindow.TOTAL)) {
                    totals.add(each.key);
                } else {
                    windows.computeIfAbsent(each.key.substring(0, behind), name -> new RecentLabels.Windows())
                            .add(window, each.value.counts());
                }
            });
        }
        recent = windows.entrySet().stream()
                .map(each -> each.getValue().of(each.getKey()))
                .filter(each -> each.map().getN() > 0)
                .toList();
        searched = true;
        long end = System.nanoTime();
        nextSearch = end + Math.max(SEARCH.toNanos(), SEARCH_SHARE * (end - begin));
    }

    private static ReadOnlyKeyValueStore<String, ValueAndTimestamp<byte[]>> runStore(KafkaStreams streams) {
        return store(streams, StoreNames.RUNS, QueryableStoreTypes.timestampedKeyValueStore());
    }

    private static <S> S store(KafkaStreams streams, String name, QueryableStoreType<S> type) {
        return streams.store(StoreQueryParameters.fromNameAndType(name, type));
    }

    /** One for as long as an application runs: it remembers what it has decoded. */
    @SuppressWarnings("ReferenceEquality") // identity is meant
    private RunTable table(KafkaStreams streams) {
        if (decoder == null) {
            decoder = connection.deserializer(Run.class);
        }
        if (table == null || last != streams) {
            table = new RunTable(runStore(streams), connection.topics(), decoder, 0, Clock.systemUTC());
            last = streams;
        }
        return table;
    }

    @Override
    public void close() {
        if (decoder != null) {
            decoder.close();
        }
    }

    /** Runs and generations of them that are there; what is left of others in the stores counts no longer. */
    private final class Existing {
        private final Set<String> names;
        private final RunTable known;

        Existing(KafkaStreams streams) {
            names = runs(streams);
            known = table(streams);
        }

        boolean has(String run, String checkpoint) {
            return names.contains(run) && Keys.isOfGeneration(known.generation(run), checkpoint);
        }
    }
}
