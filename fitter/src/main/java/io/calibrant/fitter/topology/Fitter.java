package io.calibrant.fitter.topology;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.ReachabilityCheck;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Posterior;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsException;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * The fitter as a service: {@link #start}, then {@link #await} until it is closed or fails, {@link #close} from any
 * thread. Every failure is an exception whose message says in one line what is wrong.
 */
public final class Fitter implements AutoCloseable {
    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration STOP = Duration.ofSeconds(10);

    private final Connection connection;
    private final FitterSettings settings;
    private final Consumer<Posterior> listener;
    private final CompletableFuture<Void> running = new CompletableFuture<>();
    private final CompletableFuture<Void> end = new CompletableFuture<>();
    private final ExecutorService tuning = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "calibrant-fitter-tuning");
        thread.setDaemon(true);
        return thread;
    });
    private volatile StateDirectory stateDirectory;
    private volatile KafkaStreams streams;

    /**
     * A fitter that is not started.
     *
     * @param listener hears of every posterior as it is made; called by the stream threads
     */
    public Fitter(Connection connection, FitterSettings settings, Consumer<Posterior> listener) {
        this.connection = connection;
        this.settings = settings;
        this.listener = listener;
    }

    /**
     * Checks broker, registry and topics, starts, and returns once every partition is assigned and restored.
     *
     * @throws KafkaException if broker or registry do not answer, naming the address, or the service fails to start
     * @throws IllegalStateException if a topic is missing or cut otherwise than another, naming it
     */
    public void start() {
        ReachabilityCheck.check(connection);
        if (settings.createTopics()) {
            TopicAdmin.createMissing(connection);
        }
        int partitions;
        try (Admin admin = Admin.create(connection.admin())) {
            partitions = new TopicsCheck(new TopicAdmin(admin), connection.topics()).check();
            stateDirectory = StateDirectory.take(
                    settings.stateDir().toAbsolutePath(),
                    admin.describeCluster().clusterId().get());
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException("broker " + connection.bootstrapServers() + ": " + oneLine(e), e);
        }
        Properties configs = StreamsConfigs.of(connection, settings, stateDirectory.path());
        KafkaStreams starting =
                new KafkaStreams(FitterTopology.build(connection, settings, partitions, tuning, listener), configs);
        streams = starting;
        starting.setUncaughtExceptionHandler(failure -> {
            fail(failure);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        starting.setStateListener((now, before) -> {
            switch (now) {
                case RUNNING -> running.complete(null);
                case ERROR -> fail(new StreamsException("the stream threads ended"));
                case NOT_RUNNING -> {
                    running.completeExceptionally(new IllegalStateException("the fitter was closed"));
                    end.complete(null);
                }
                default -> {}
            }
        });
        starting.start();
        awaitRunning();
    }

    private void awaitRunning() {
        try {
            running.get(START.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw failure(e.getCause());
        } catch (TimeoutException e) {
            throw new KafkaException("the fitter did not come up within " + START.toSeconds() + " s", e);
        }
    }

    private void fail(Throwable failure) {
        running.completeExceptionally(failure);
        end.completeExceptionally(failure);
    }

    /**
     * Waits for the end.
     *
     * @throws KafkaException if the service failed; the message is one line that says why
     */
    public void await() {
        try {
            end.join();
        } catch (CompletionException e) {
            throw failure(e.getCause());
        }
    }

    private static RuntimeException failure(Throwable cause) {
        return cause instanceof IllegalStateException closed ? closed : new KafkaException(oneLine(cause), cause);
    }

    /** The first cause, in one line; with what led to it where that names a topic or a block. */
    private static String oneLine(Throwable failure) {
        Throwable first = failure;
        while (first.getCause() != null && first.getCause() != first) {
            first = first.getCause();
        }
        String reason = first.getMessage() == null || first.getMessage().isBlank()
                ? first.getClass().getSimpleName()
                : first.getMessage();
        String context = first == failure || failure.getMessage() == null ? "" : failure.getMessage();
        boolean adds = context.contains("topic ") && !context.contains(reason);
        return (adds ? context.lines().findFirst().orElse("") + ": " + reason : reason).replaceAll("\\s*\\R\\s*", " ");
    }

    /** Commits what is folded, leaves the group and stops; may be called more than once, and before the start. */
    @Override
    public void close() {
        KafkaStreams stopping = streams;
        if (stopping != null) {
            stopping.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                    .withTimeout(STOP));
        }
        tuning.shutdownNow();
        StateDirectory directory = stateDirectory;
        if (directory != null) {
            directory.close();
        }
        running.completeExceptionally(new IllegalStateException("the fitter was closed"));
        end.complete(null);
    }
}
