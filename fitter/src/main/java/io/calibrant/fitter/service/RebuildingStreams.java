package io.calibrant.fitter.service;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.ProcessorStateException;
import org.apache.kafka.streams.errors.StreamsException;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kafka Streams that survives a damaged state directory. All state is in Kafka as well. So what cannot be opened, read
 * or written is deleted here, and Kafka Streams restores it from the changelogs before it resumes.
 */
final class RebuildingStreams implements AutoCloseable {
    private static final String RESTORING = "restoring";
    private static final Logger LOG = LoggerFactory.getLogger(RebuildingStreams.class);
    private static final Duration STOP = Duration.ofSeconds(10);

    /** State that is damaged again so soon points to a disk that does not work. */
    private static final Duration SOON = Duration.ofMinutes(1);

    private final Supplier<KafkaStreams> make;
    private final Path state;
    private final Listener listener;
    private volatile KafkaStreams streams;
    private volatile KafkaStreams broken;
    private volatile Long runningSince;
    private volatile boolean rebuilt;
    private boolean closed;

    /** Called by its threads. */
    interface Listener {
        /** Every partition is assigned and restored; once more after every rebuilding. */
        void running(KafkaStreams streams);

        /** It has ended, by this. */
        void failed(Throwable failure);

        /** It has been closed. */
        void closed();
    }

    /**
     * One that is not started.
     *
     * @param make creates Kafka Streams, once more for every rebuilding
     * @param state its state directory; everything in it may be deleted
     */
    RebuildingStreams(Supplier<KafkaStreams> make, Path state, Listener listener) {
        this.make = make;
        this.state = state;
        this.listener = listener;
    }

    /** Starts, and returns before it runs. */
    synchronized void start() {
        try {
            launch();
        } catch (ProcessorStateException e) {
            rebuild(e);
        }
    }

    private void launch() {
        runningSince = null;
        KafkaStreams next = make.get();
        streams = next;
        next.setUncaughtExceptionHandler(failure -> {
            if (isOfAnEndedTransaction(failure)) {
                LOG.warn("the broker aborted a transaction before it was committed: its records are processed again");
                return StreamThreadExceptionResponse.REPLACE_THREAD;
            }
            failed(next, failure);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        next.setStateListener((now, before) -> {
            if (next == broken) {
                return; // it is being replaced
            }
            switch (now) {
                case RUNNING -> {
                    runningSince = runningSince == null ? Long.valueOf(System.nanoTime()) : runningSince;
                    listener.running(next);
                }
                case ERROR -> listener.failed(new StreamsException("the stream threads ended"));
                case NOT_RUNNING -> listener.closed();
                default -> {}
            }
        });
        next.start();
    }

    @SuppressWarnings("ReferenceEquality") // identity is meant
    private void failed(KafkaStreams failing, Throwable failure) {
        if (failing == broken) {
            return; // another of its threads has reported this
        }
        if (!isOf(failure, ProcessorStateException.class) || (rebuilt && !hasRunForAWhile())) {
            listener.failed(failure);
            return;
        }
        broken = failing;
        // A stream thread cannot wait for its own end.
        Thread thread = new Thread(
                () -> {
                    try {
                        rebuild(failure);
                    } catch (RuntimeException e) {
                        listener.failed(e);
                    }
                },
                "calibrant-fitter-rebuild");
        thread.setDaemon(true);
        thread.start();
    }

    private boolean hasRunForAWhile() {
        Long since = runningSince;
        return since != null && System.nanoTime() - since >= SOON.toNanos();
    }

    /**
     * Whether a process stood still for longer than its transaction was allowed to take. Kafka Streams takes the thread
     * back into the group where the broker says that another one has its place, but ends it where the broker only says
     * that the transaction is over, which is said of the same thing (KIP-890).
     */
    private static boolean isOfAnEndedTransaction(Throwable failure) {
        return isOf(failure, InvalidTxnStateException.class);
    }

    private static boolean isOf(Throwable failure, Class<? extends Throwable> kind) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (kind.isInstance(each)) {
                return true;
            }
        }
        return false;
    }

    private synchronized void rebuild(Throwable failure) {
        if (closed) {
            return;
        }
        LOG.warn(
                "the state in {} cannot be used: {}; it is deleted, and filled again from Kafka",
                state,
                Fitter.inOneLine(Fitter.firstReason(failure)));
        rebuilt = true;
        KafkaStreams old = streams;
        if (old != null) {
            broken = old;
            old.close(STOP);
        }
        StateDirectory.delete(state);
        launch();
    }

    /** Why nothing is processed now, in a word; empty while every partition is assigned and restored. */
    @SuppressWarnings("ReferenceEquality") // identity is meant
    Optional<String> obstacle() {
        KafkaStreams now = streams;
        if (now == null) {
            return Optional.of("starting");
        }
        if (now == broken) {
            return Optional.of("rebuilding");
        }
        return switch (now.state()) {
            case RUNNING -> Optional.empty();
            case CREATED -> Optional.of("starting");
            case REBALANCING -> Optional.of(RESTORING);
            default -> Optional.of("stopped");
        };
    }

    /** Whether it runs, or partitions are being assigned and their state restored. */
    boolean isAlive() {
        return obstacle().map(RESTORING::equals).orElse(true);
    }

    /** What runs now; null where nothing does. */
    KafkaStreams running() {
        return obstacle().isEmpty() ? streams : null;
    }

    /** Commits what is done, leaves the group and stops. */
    @Override
    public void close() {
        KafkaStreams stopping;
        synchronized (this) {
            closed = true;
            stopping = streams;
        }
        if (stopping != null) {
            stopping.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                    .withTimeout(STOP));
        }
    }
}
