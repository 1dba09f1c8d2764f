package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Run;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.junit.jupiter.api.Test;

class RunTableTest {
    private static final long NOW = 1_000_000;
    private final Connection connection = new Connection("localhost:1", "mock://runs", "", Map.of());
    private final AtomicInteger looks = new AtomicInteger();

    @Test
    void shouldWaitForARunThatComesIntoViewLate() {
        RunTable table = table(3, Clock.systemUTC());
        assertThat(table.find("r", System.currentTimeMillis()).run().getRunId()).isEqualTo("r");
        assertThat(looks).hasValue(3);
    }

    @Test
    void shouldNotWaitForAnOldRecord() {
        RunTable table = table(Integer.MAX_VALUE, Clock.fixed(Instant.ofEpochMilli(NOW), ZoneOffset.UTC));
        assertThat(table.find("r", NOW - 5_000)).isNull();
        assertThat(looks).hasValue(1);
    }

    @Test
    void shouldWaitForAnUnknownRunOnlyOnceAndOnlySoLong() {
        Ticking clock = new Ticking();
        RunTable table = table(Integer.MAX_VALUE, clock);
        long farAhead = NOW + 999_999; // a producer whose clock is wrong makes nobody wait for longer
        assertThat(table.find("r", farAhead)).isNull();
        assertThat(clock.now - NOW).isBetween(5_000L, 8_000L);
        int before = looks.get();
        for (int i = 0; i < 1000; i++) {
            assertThat(table.find("r", farAhead)).isNull();
        }
        assertThat(looks.get() - before).isEqualTo(1000);
    }

    @Test
    void shouldLetRecordsFromTheFutureShareOnePatience() {
        Ticking clock = new Ticking();
        RunTable table = table(Integer.MAX_VALUE, clock);
        for (int run = 0; run < 100; run++) {
            assertThat(table.find("unknown-" + run, NOW + 3_000_000)).isNull();
        }
        // three looks at the clock, of a second each, for a record that does not wait
        assertThat(clock.now - NOW).isLessThan(2 * 300_000);
        long before = clock.now;
        clock.now += 60_000;
        assertThat(table.find("later", NOW + 3_000_000)).isNull();
        assertThat(clock.now - before).isGreaterThan(64_000); // it waits again
    }

    @Test
    void shouldFindARunThatCameAfterItWasGivenUp() {
        RunTable table = table(2, Clock.fixed(Instant.ofEpochMilli(NOW), ZoneOffset.UTC));
        assertThat(table.find("r", 0)).isNull();
        assertThat(table.find("r", 0)).isNotNull();
    }

    private RunTable table(int visibleFrom, Clock clock) {
        Topics topics = connection.topics();
        byte[] bytes = connection
                .serializer(Run.class)
                .serialize(topics.runs(), Run.newBuilder().setRunId("r").build());
        return new RunTable(new Late(visibleFrom, bytes), topics, connection.deserializer(Run.class), 5_000, clock);
    }

    /** Every look takes a second. */
    private static final class Ticking extends Clock {
        private long now = NOW;

        @Override
        public long millis() {
            now += 1000;
            return now;
        }

        @Override
        public Instant instant() {
            return Instant.ofEpochMilli(millis());
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    /** A table that another thread fills: the run is there from the n-th look on. */
    private final class Late implements ReadOnlyKeyValueStore<String, ValueAndTimestamp<byte[]>> {
        private final int visibleFrom;
        private final byte[] value;

        private Late(int visibleFrom, byte[] value) {
            this.visibleFrom = visibleFrom;
            this.value = value;
        }

        @Override
        public ValueAndTimestamp<byte[]> get(String key) {
            return looks.incrementAndGet() < visibleFrom ? null : ValueAndTimestamp.make(value, 0);
        }

        @Override
        public KeyValueIterator<String, ValueAndTimestamp<byte[]>> range(String from, String to) {
            throw new UnsupportedOperationException();
        }

        @Override
        public KeyValueIterator<String, ValueAndTimestamp<byte[]>> all() {
            throw new UnsupportedOperationException();
        }

        @Override
        public long approximateNumEntries() {
            return 1;
        }
    }
}
