package io.calibrant.trainer.statistics;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Locale;
import java.util.Optional;
import java.util.Queue;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A bounded queue with a thread of its own that sends in the order of the calls. A training step waits for a broker
 * only while the queue is full: back-pressure, nothing is dropped. A caller that waits says so after a second and every
 * half minute, and says when it goes on.
 *
 * <p>For one calling thread, in which all lines are said; {@link #unsent} is for any.
 */
public final class SendQueue implements AutoCloseable {
    /** The name of the thread that sends. */
    public static final String THREAD = "calibrant-send-queue";

    private static final Duration FIRST_LINE = Duration.ofSeconds(1);
    private static final Duration NEXT_LINE = Duration.ofSeconds(30);
    private static final Duration LAST_PATIENCE = Duration.ofSeconds(10);
    private static final long POLL_MILLIS = 100;

    private final long capacity;
    private final Receiver receiver;
    private final BooleanSupplier stopping;
    private final Consumer<String> lines;
    private final Duration lastPatience;
    private final Queue<Entry> entries = new ArrayDeque<>();
    private final Thread thread;
    private long bytes;
    private int unsent;
    private boolean blocked;
    private boolean closed;
    private boolean refused;
    private RuntimeException failure;

    private record Entry(long bytes, Runnable sending) {}

    /** The sender behind the queue, as the queue's messages need it; thread-safe. */
    interface Receiver {
        /** Its address, for the lines. */
        String address();

        /** What keeps it from taking records at the moment. */
        Optional<String> trouble();

        /** Ends its retries: from here on a broker that is away is an error. */
        void giveUp();
    }

    /**
     * Starts the thread.
     *
     * @param capacity bytes that may wait to be sent; a larger entry is taken when nothing waits
     * @param receiver what the entries send to; its {@code giveUp} is called if closing takes too long
     * @param stopping whether the caller is to stop waiting
     * @param lines hears that the caller waits, and that it goes on
     */
    SendQueue(long capacity, Receiver receiver, BooleanSupplier stopping, Consumer<String> lines) {
        this(capacity, receiver, stopping, lines, LAST_PATIENCE);
    }

    /** @param lastPatience how long closing waits for what is not sent yet */
    SendQueue(
            long capacity, Receiver receiver, BooleanSupplier stopping, Consumer<String> lines, Duration lastPatience) {
        this.lastPatience = lastPatience;
        this.capacity = capacity;
        this.receiver = receiver;
        this.stopping = stopping;
        this.lines = lines;
        thread = new Thread(this::work, THREAD);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Takes something to send, as soon as it fits.
     *
     * @param size about how many bytes it is
     * @return false if the caller was stopped while it waited: then it is not sent, nor is anything after it
     * @throws RuntimeException what an earlier one has failed with
     */
    public boolean send(long size, Runnable sending) {
        synchronized (this) {
            if (refused || !await(() -> unsent == 0 || bytes + size <= capacity)) {
                refused = true; // a gap would be taken for the end by whoever comes after it
                return false;
            }
            entries.add(new Entry(size, sending));
            bytes += size;
            unsent++;
            notifyAll();
            return true;
        }
    }

    /**
     * Waits until everything is sent.
     *
     * @return false if the caller was stopped while it waited
     * @throws RuntimeException what one of them has failed with
     */
    public synchronized boolean flush() {
        return await(() -> unsent == 0);
    }

    /** What waits now; from any thread. */
    public synchronized Unsent unsent() {
        return new Unsent(unsent, bytes, blocked);
    }

    private boolean await(BooleanSupplier done) {
        try {
            return awaitOrSay(done);
        } finally {
            blocked = false;
        }
    }

    private boolean awaitOrSay(BooleanSupplier done) {
        long begun = System.nanoTime();
        long next = begun + FIRST_LINE.toNanos();
        boolean said = false;
        while (failure == null && !done.getAsBoolean()) {
            if (stopping.getAsBoolean()) {
                return false;
            }
            if (System.nanoTime() > next) {
                blocked = true;
                lines.accept(String.format(
                        Locale.ROOT,
                        "waiting: broker %s does not take records as fast as they are made (%d batches, %.1f MB are to"
                                + " be sent, nothing is dropped)%s",
                        receiver.address(),
                        unsent,
                        bytes / 1e6,
                        receiver.trouble().map(why -> ": " + why).orElse("")));
                said = true;
                next = System.nanoTime() + NEXT_LINE.toNanos();
            }
            try {
                wait(POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        if (failure != null) {
            throw failure;
        }
        if (said) {
            lines.accept(String.format(
                    Locale.ROOT,
                    "going on: broker %s takes records again after %.0f s",
                    receiver.address(),
                    (System.nanoTime() - begun) / 1e9));
        }
        return true;
    }

    private void work() {
        while (true) {
            Entry entry;
            synchronized (this) {
                while (entries.isEmpty() && !closed) {
                    try {
                        wait();
                    } catch (InterruptedException e) {
                        return;
                    }
                }
                entry = entries.poll();
                if (entry == null) {
                    return;
                }
            }
            try {
                entry.sending.run();
            } catch (RuntimeException e) {
                synchronized (this) {
                    failure = e;
                    notifyAll();
                }
                return;
            }
            synchronized (this) {
                bytes -= entry.bytes;
                unsent--;
                notifyAll();
            }
        }
    }

    /**
     * Ends the thread once it has sent what it was given. Where that takes longer than ten seconds, says how much is
     * not sent.
     */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        try {
            thread.join(lastPatience.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            if (unsent > 0 && failure == null) {
                entries.clear();
                receiver.giveUp();
                lines.accept("broker " + receiver.address() + " does not take records: " + unsent
                        + " batches of statistics or progress records are not sent");
            }
        }
    }
}
