package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.FitterListener;
import io.calibrant.fitter.topology.FitterTopology;
import io.calibrant.fitter.topology.InputPartitions;
import io.calibrant.fitter.topology.PendingCalibrations;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.AccessDeniedException;
import io.calibrant.schemas.AccessFailure;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.BrokerLimits;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.ReachabilityCheck;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.TopicIdentity;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Fit;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.streams.KafkaStreams;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The fitter as a service: {@link #start}, then {@link #await} until it is closed or fails, {@link #close} from any
 * thread. Every failure is an exception whose message says in one line what is wrong.
 */
public final class Fitter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Fitter.class);
    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration START_LOOK = Duration.ofSeconds(1);
    private static final Duration REPLAY_LOOK = Duration.ofMillis(250);

    private final Connection connection;
    private final FitterSettings settings;
    private final FitterListener listener;
    private final FitterObservation observation;
    private final UnaryOperator<Properties> adjustment;
    private final CompletableFuture<Void> running = new CompletableFuture<>();
    private final CompletableFuture<Void> end = new CompletableFuture<>();
    private final ExecutorService calibrating = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "calibrant-fitter-calibration");
        thread.setDaemon(true);
        return thread;
    });
    private final RestoreProgress restoring = new RestoreProgress();
    private final PendingCalibrations pending = new PendingCalibrations();
    private volatile ReplayEnd replayEnd;
    private volatile StateDirectory stateDirectory;
    private volatile RebuildingStreams streams;
    private volatile FitTopicsWatch watch;

    /**
     * A fitter that is not started.
     *
     * @param listener hears of every posterior as it is made, and of what the stream threads do
     */
    public Fitter(Connection connection, FitterSettings settings, FitterListener listener) {
        this(connection, settings, listener, UnaryOperator.identity());
    }

    /**
     * The same under weaker guarantees than a user can ask for: the control of a fault test.
     *
     * @param adjustment of the configuration of Kafka Streams
     */
    Fitter(
            Connection connection,
            FitterSettings settings,
            FitterListener listener,
            UnaryOperator<Properties> adjustment) {
        this.connection = connection;
        this.settings = settings;
        this.listener = listener;
        observation = new FitterObservation(connection, settings);
        this.adjustment = adjustment;
    }

    /** All that a fitter must be allowed to do. */
    public static List<AccessRight> rights(Connection connection, FitterSettings settings) {
        return FitterRights.all(connection, settings);
    }

    /**
     * Checks broker, registry and topics, starts, and returns once every partition is assigned and restored.
     *
     * @throws KafkaException if broker or registry do not answer, naming the address, or the service fails to start
     * @throws IllegalStateException if a topic is missing or not co-partitioned with another, or the fit's name stands
     *     for other settings, or its topics were deleted since it last ran, or the temporary directory cannot be used;
     *     nothing is written then
     */
    public void start() {
        RocksLibrary.load();
        ReachabilityCheck.check(connection);
        InputPartitions partitions;
        int letterBytes;
        int recordBytes;
        BrokerLimits limits;
        FitterSettings fitting;
        try (Admin admin = Admin.create(connection.admin())) {
            TopicAdmin topics = new TopicAdmin(admin);
            TopicsCheck check = new TopicsCheck(topics, connection.topics());
            if (settings.streaming().createTopics()) {
                check.requireCreatable();
                TopicAdmin.createMissing(connection).forEach(LOG::warn);
            }
            FitterRights.require(connection, settings);
            partitions = check.check();
            letterBytes = Math.min(
                    Topics.MAX_RECORD_BYTES,
                    topics.maxRecordBytes(connection.topics().fitterDeadLetters()));
            limits = BrokerLimits.of(admin);
            recordBytes = topics.largestRecord(List.of(
                    connection.topics().statistics(), connection.topics().factors()));
            requireItsTopics(admin);
            // A resumed refit takes what was there when it began.
            fitting = settings.selecting(settings.selection()
                    .withPresent(FitRegistry.take(connection, settings).getPresent()));
            stateDirectory = StateDirectory.take(
                    settings.streaming().stateDir().toAbsolutePath(),
                    admin.describeCluster().clusterId().get());
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException("broker " + connection.bootstrapServers() + ": " + oneLine(e), e);
        }
        replayEnd = ReplayEnd.now(connection, settings, pending::quiet);
        Properties configs = adjustment.apply(StreamsConfigs.within(
                StreamsConfigs.of(connection, settings, stateDirectory.path()), connection, limits, recordBytes));
        configs.put(DeadLetterLog.LIMIT_CONFIG, letterBytes);
        configs.put(DeadLetterLog.LISTENER_CONFIG, listener);
        configs.put(RefusedOutputs.LISTENER_CONFIG, (Consumer<Throwable>) this::finish);
        RebuildingStreams starting = new RebuildingStreams(
                () -> {
                    KafkaStreams made = new KafkaStreams(
                            FitterTopology.build(connection, fitting, partitions, calibrating, pending, listener),
                            configs);
                    made.setGlobalStateRestoreListener(restoring);
                    return made;
                },
                stateDirectory.path(),
                new RebuildingStreams.Listener() {
                    @Override
                    public void running(KafkaStreams made) {
                        observation.running(made);
                        running.complete(null);
                    }

                    @Override
                    public void failed(Throwable failure) {
                        fail(failure);
                    }

                    @Override
                    public void closed() {
                        running.completeExceptionally(new IllegalStateException("the fitter was closed"));
                        end.complete(null);
                    }
                });
        streams = starting;
        starting.start();
        awaitRunning();
        // Once more: at the first start its own topics exist only now.
        AccessCheck.require(connection, FitterRights.ofInternalTopics(connection, settings));
        watchItsTopics();
    }

    /** Refuses to go on with a state whose topics are other ones by now. */
    private void requireItsTopics(Admin admin) throws InterruptedException, ExecutionException {
        FitTopics topics = new FitTopics(connection.topics(), settings);
        Map<String, TopicIdentity> there = topics.now(admin);
        Optional<Fit> known = FitRegistry.find(connection, settings.fit());
        if (known.isEmpty()) {
            topics.requireNothingOfAnUnknownFit(there);
        } else {
            Map<String, String> recorded = known.get().getTopics();
            there = topics.awaited(recorded, () -> topics.now(admin), FitTopics.AGAIN);
            topics.compare(recorded, there).forEach(LOG::warn);
            topics.requireWholeChangelogs(admin, there);
        }
    }

    /** From here on all topics are there, the internal ones, too. */
    private void watchItsTopics() {
        FitTopics topics = new FitTopics(connection.topics(), settings);
        try (Admin admin = Admin.create(connection.admin())) {
            Map<String, TopicIdentity> now = topics.now(admin);
            FitRegistry.recordTopics(connection, settings, FitTopics.ids(now));
            watch = new FitTopicsWatch(connection, settings, topics, now, this::finish);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException("broker " + connection.bootstrapServers() + ": " + oneLine(e), e);
        }
    }

    /** Waits while the state is being restored, however long that takes. */
    private void awaitRunning() {
        restoring.begin();
        while (true) {
            try {
                running.get(START_LOOK.toMillis(), TimeUnit.MILLISECONDS);
                return;
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            } catch (ExecutionException e) {
                throw failure(e.getCause());
            } catch (TimeoutException e) {
                if (restoring.pause().compareTo(START) > 0) {
                    String words = "the fitter did not come up within " + START.toSeconds() + " s";
                    String open = openTransaction();
                    throw new KafkaException(open == null ? words : words + ": " + open, e);
                }
            }
        }
    }

    /** An open transaction that blocks the restoring of state; null where there is none. */
    private String openTransaction() {
        try (Admin admin = Admin.create(connection.admin())) {
            String application = settings.applicationId(connection.topics());
            return OpenTransactions.oldest(
                    admin,
                    Stream.concat(
                                    StoreNames.changelogTopics(application).stream(),
                                    Stream.of(connection.topics().runs()))
                            .toList(),
                    START);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            return null; // the message is still useful without it
        }
    }

    /** Kafka Streams says of a topic that is gone or has changed only what follows from it. */
    private void fail(Throwable failure) {
        FitTopicsWatch looking = watch;
        try {
            String change = looking == null ? null : looking.change();
            finish(change == null ? failure : new IllegalStateException(change, failure));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            finish(failure);
        }
    }

    private void finish(Throwable failure) {
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

    /**
     * Waits until all that topic statistics held at the start is folded, the labels that were there are used for
     * calibration, and the results of both can be read: the end of a replay. The service goes on until it is closed.
     *
     * @throws KafkaException if the service failed; the message is one line that says why
     * @throws IllegalStateException if it was closed before
     */
    public void awaitReplayed() {
        while (!replayEnd.reached()) {
            try {
                end.get(REPLAY_LOOK.toMillis(), TimeUnit.MILLISECONDS);
                throw new IllegalStateException("the fitter was closed");
            } catch (TimeoutException e) {
                // not yet
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            } catch (ExecutionException e) {
                throw failure(e.getCause());
            }
        }
    }

    /**
     * Why it does nothing now, in a word: {@code starting}, {@code restoring}, {@code rebuilding}, {@code stopped}.
     * Empty once every partition is assigned and its state restored. From any thread.
     */
    public Optional<String> obstacle() {
        RebuildingStreams now = streams;
        if (end.isDone()) {
            return Optional.of("stopped");
        }
        return now == null ? Optional.of("starting") : now.obstacle();
    }

    /** Hands the metrics of Kafka Streams and of its clients to a registry; called before {@link #start}. */
    public void bindTo(MeterRegistry registry) {
        observation.bindTo(registry);
    }

    /**
     * What is known now. From any thread but those of the service.
     *
     * @param patience a broker is not waited for any longer
     */
    public FitterFigures figures(Duration patience) {
        RebuildingStreams now = streams;
        return observation.figures(
                () -> now == null ? null : now.running(), () -> now != null && now.isAlive(), patience);
    }

    private RuntimeException failure(Throwable cause) {
        if (AccessFailure.isOne(cause)) {
            // Kafka does not always say which right was taken away.
            try {
                FitterRights.require(connection, settings);
            } catch (AccessDeniedException e) {
                e.addSuppressed(cause);
                return e;
            }
        }
        Optional<OversizedRecord> oversized = NameOversized.in(cause);
        if (oversized.isPresent()) {
            String topic = oversized.get().topic();
            return new KafkaException(
                    oversized
                            .get()
                            .message(
                                    OversizedRecord.limit(connection, topic),
                                    NameOversized.smaller(connection.topics(), topic)),
                    cause);
        }
        return cause instanceof IllegalStateException closed ? closed : new KafkaException(oneLine(cause), cause);
    }

    /** The first cause, in one line; with what led to it where that names a topic or a block. */
    private static String oneLine(Throwable failure) {
        String reason = firstReason(failure);
        String context = failure.getCause() == null || failure.getMessage() == null ? "" : failure.getMessage();
        boolean adds = context.contains("topic ") && !context.contains(reason);
        return inOneLine(adds ? context.lines().findFirst().orElse("") + ": " + reason : reason);
    }

    /** What the first cause says, or is where it says nothing. */
    static String firstReason(Throwable failure) {
        Throwable first = failure;
        while (first.getCause() != null && first.getCause() != first) {
            first = first.getCause();
        }
        return first.getMessage() == null || first.getMessage().isBlank()
                ? first.getClass().getSimpleName()
                : first.getMessage();
    }

    static String inOneLine(String words) {
        return words.replaceAll("\\s*\\R\\s*", " ");
    }

    /** Commits what is folded, leaves the group and stops; may be called more than once, and before the start. */
    @Override
    public void close() {
        observation.close();
        FitTopicsWatch looking = watch;
        if (looking != null) {
            looking.close();
        }
        RebuildingStreams stopping = streams;
        if (stopping != null) {
            stopping.close();
        }
        calibrating.shutdownNow();
        StateDirectory directory = stateDirectory;
        if (directory != null) {
            directory.close();
        }
        running.completeExceptionally(new IllegalStateException("the fitter was closed"));
        end.complete(null);
    }
}
