package io.calibrant.infra.monitor;

import io.calibrant.infra.live.LiveReader;
import io.calibrant.infra.live.LiveState;
import io.calibrant.schemas.AccessFailure;
import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.kafka.common.KafkaException;

/** Reads the topics in a thread of its own and gives access to the state so far. Thread-safe. */
final class Feed implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration AGAIN = Duration.ofSeconds(1);

    private final Connection connection;
    private final Consumer<String> outages;
    private final Thread thread;
    private LiveState state = new LiveState();
    private Health health = new Health(true, "", List.of());
    private long changes;
    private volatile boolean closed;

    /**
     * The state of reading.
     *
     * @param reading whether the records from before the start are still being read
     * @param problem the broker or the registry that does not answer; empty without a problem
     * @param missing topics that do not exist
     * @param away since when there is a problem, milliseconds; 0 without one
     */
    record Health(boolean reading, String problem, List<String> missing, long away) {
        Health(boolean reading, String problem, List<String> missing) {
            this(reading, problem, missing, 0);
        }

        /** This one after another: a problem that was there goes on. */
        Health after(Health before, long now) {
            return new Health(reading, problem, missing, problem.isEmpty() ? 0 : before.away == 0 ? now : before.away);
        }
    }

    /** @param outages called once when the broker or the registry is away, and once when it is back */
    Feed(Connection connection, Consumer<String> outages) {
        this.connection = connection;
        this.outages = outages;
        thread = new Thread(this::run, "calibrant-monitor-feed");
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        while (!closed) {
            try (LiveReader reader = LiveReader.ofEverything(connection, outages)) {
                forget();
                while (!closed) {
                    read(reader);
                }
            } catch (RuntimeException e) {
                // For example a topic without permission to read: reported, then tried again. Whatever it is, a page
                // that is no longer fed must not say that it is live.
                if (!closed) {
                    set(new Health(false, problem(e), List.of()));
                    pause();
                }
            }
        }
    }

    /** In one line; which right is missing, where it is one. */
    private String problem(RuntimeException failure) {
        Optional<String> refused = AccessFailure.isOne(failure)
                ? new AccessFailure(connection, "monitor").describe(failure)
                : Optional.empty();
        return refused.orElseGet(() -> failure instanceof KafkaException
                ? String.valueOf(failure.getMessage())
                : "internal error: " + failure);
    }

    private synchronized void forget() {
        state = new LiveState();
    }

    private void read(LiveReader reader) {
        reader.fetch(POLL);
        synchronized (this) {
            if (reader.handOn(state) > 0) {
                changes++;
                notifyAll();
            }
        }
        set(new Health(!reader.caughtUp(), reader.problem(), List.copyOf(reader.missing())));
    }

    private synchronized void set(Health found) {
        Health next = found.after(health, System.currentTimeMillis());
        if (!next.equals(health)) {
            health = next;
            changes++;
            notifyAll();
        }
    }

    private void pause() {
        try {
            Thread.sleep(AGAIN.toMillis());
        } catch (InterruptedException e) {
            closed = true;
        }
    }

    /** Reads the state under its lock. */
    synchronized <T> T look(Function<LiveState, T> at) {
        return at.apply(state);
    }

    synchronized Health health() {
        return health;
    }

    /** Waits until the number of changes differs, or the time is over; returns the number of changes. */
    synchronized long await(long seen, Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        for (long left = patience.toMillis(); changes == seen && left > 0 && !closed; ) {
            wait(left);
            left = (deadline - System.nanoTime()) / 1_000_000;
        }
        return changes;
    }

    boolean closed() {
        return closed;
    }

    @Override
    public void close() {
        closed = true;
        synchronized (this) {
            notifyAll();
        }
        try {
            thread.join(5000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
