package io.calibrant.fitter.topology;

import io.calibrant.fitter.folding.RunBlocks;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.registry.BadRecordException;
import java.time.Clock;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;

/**
 * The runs, as one stream task sees them. Another thread fills the table, so a run may come into view shortly after its
 * first statistic: {@link #find} waits for it, until its record is {@code patience} old and once a run only, so that a
 * flood of statistics of unknown runs does not hold up the others. A record from the future never gets old: such
 * records share one patience, of which a tenth of the time that passes is given back.
 */
final class RunTable {
    private static final int REMEMBERED = 1000;
    private static final long STEP_MILLIS = 20;
    private static final int GIVEN_BACK = 10;

    @SuppressWarnings("ArrayRecordComponent") // compared by Arrays.equals, where it is compared
    private record Cached(byte[] bytes, RunBlocks view) {}

    private final ReadOnlyKeyValueStore<String, ValueAndTimestamp<byte[]>> table;
    private final Topics topics;
    private final Deserializer<Run> deserializer;
    private final long patienceMillis;
    private final Clock clock;
    private final Map<String, Cached> views = new LinkedHashMap<>();
    private final Set<String> unknown = new LinkedHashSet<>();

    /** How long records from the future have waited, and when the last one was looked at, milliseconds. */
    private long aheadSpent;

    private long aheadSeen;

    RunTable(
            ReadOnlyKeyValueStore<String, ValueAndTimestamp<byte[]>> table,
            Topics topics,
            Deserializer<Run> deserializer,
            long patienceMillis,
            Clock clock) {
        this.table = table;
        this.topics = topics;
        this.deserializer = deserializer;
        this.patienceMillis = patienceMillis;
        this.clock = clock;
    }

    /**
     * The run of an id, or null where it is unknown.
     *
     * @param timestamp of the record that asks, milliseconds
     * @throws BadRecordException if the run's own record is unreadable
     */
    RunBlocks find(String runId, long timestamp) {
        byte[] bytes = bytes(runId);
        if (bytes == null && !unknown.contains(runId)) {
            long start = clock.millis();
            long deadline = timestamp > start ? start + leftForTheFuture(start) : timestamp + patienceMillis;
            while (bytes == null && clock.millis() < deadline) {
                pause();
                bytes = bytes(runId);
            }
            if (timestamp > start) {
                aheadSpent = Math.min(patienceMillis, aheadSpent + clock.millis() - start);
            }
            if (bytes == null) {
                remember(runId);
            }
        }
        return bytes == null ? null : view(runId, bytes);
    }

    /** The generation of a run, which is not waited for; 0 where none is known. */
    int generation(String runId) {
        byte[] bytes = bytes(runId);
        try {
            return bytes == null ? 0 : view(runId, bytes).run().getGeneration();
        } catch (BadRecordException e) {
            return 0; // its statistics say so
        }
    }

    /** How long records from the future may still wait, all together. */
    private long leftForTheFuture(long now) {
        aheadSpent = Math.max(0, aheadSpent - Math.max(0, now - aheadSeen) / GIVEN_BACK);
        aheadSeen = now;
        return Math.max(0, patienceMillis - aheadSpent);
    }

    private RunBlocks view(String runId, byte[] bytes) {
        Cached cached = views.get(runId);
        if (cached == null || !Arrays.equals(cached.bytes, bytes)) {
            Run run = deserializer.deserialize(topics.runs(), bytes);
            cached = new Cached(bytes, RunBlocks.of(run));
            views.put(runId, cached);
            dropOldest(views.keySet());
        }
        return cached.view;
    }

    private byte[] bytes(String runId) {
        ValueAndTimestamp<byte[]> value = table.get(runId);
        return value == null ? null : value.value();
    }

    private void remember(String runId) {
        unknown.add(runId);
        dropOldest(unknown);
    }

    private static void dropOldest(Set<String> insertionOrdered) {
        if (insertionOrdered.size() > REMEMBERED) {
            insertionOrdered.remove(insertionOrdered.iterator().next());
        }
    }

    private static void pause() {
        try {
            Thread.sleep(STEP_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new org.apache.kafka.common.errors.InterruptException(e);
        }
    }
}
