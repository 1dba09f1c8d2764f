package io.calibrant.scorer.service;

import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.AccessFailure;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.TopicWatch;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.scorer.serving.BaseModel;
import io.calibrant.scorer.serving.ModelKeeper;
import io.calibrant.scorer.serving.ModelTable;
import io.calibrant.trainer.capture.Autograd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.common.errors.WakeupException;

/**
 * The scorer service: answers the questions of its topic, each with one version of one complete posterior, until it is
 * closed.
 *
 * <p>{@link #run} follows the topics on the caller's thread, and takes questions on {@link PollSettings#threads} others
 * that share the model and divide the math threads; {@link #close} may be called from any thread.
 */
public final class Scorer implements AutoCloseable {
    private static final Duration WAIT = Duration.ofSeconds(1);

    private final Connection connection;
    private final ScorerSettings settings;
    private final ScorerListener listener;
    private final QuestionLoop.Deliveries deliveries;
    private final StopSignal stop = new StopSignal();
    private final List<RetryBudget> budgets = new CopyOnWriteArrayList<>();
    private final PollAges ages = new PollAges(System::nanoTime);
    private volatile ModelTable table;

    /**
     * Starts nothing yet.
     *
     * @param connection broker, registry and topics
     * @param settings what to answer with
     * @param listener is called by several threads
     */
    public Scorer(Connection connection, ScorerSettings settings, ScorerListener listener) {
        this(connection, settings, listener, (to, group, consumer) -> new ExactlyOnce(to, group, consumer, listener));
    }

    /** @param deliveries makes the delivery of each thread */
    Scorer(
            Connection connection,
            ScorerSettings settings,
            ScorerListener listener,
            QuestionLoop.Deliveries deliveries) {
        this.connection = Objects.requireNonNull(connection, "connection");
        this.settings = Objects.requireNonNull(settings, "settings");
        this.listener = Objects.requireNonNull(listener, "listener");
        this.deliveries = deliveries;
    }

    /**
     * Checks that this client may do all that it will do, before anything is read.
     *
     * @throws io.calibrant.schemas.AccessDeniedException naming the rights that are missing
     */
    public void requireAccess() {
        AccessCheck.require(connection, rights(connection, settings));
    }

    /** All that a scorer must be allowed to do. */
    public static List<AccessRight> rights(Connection connection, ScorerSettings settings) {
        Topics topics = connection.topics();
        List<AccessRight> rights = new ArrayList<>(AccessRight.topics(
                "READ",
                topics.runs(),
                topics.adapters(),
                topics.factors(),
                topics.posteriors(),
                topics.questions(),
                topics.scorerDeadLetters()));
        rights.addAll(AccessRight.topics(
                "WRITE", topics.answers(), topics.predictiveStatistics(), topics.scorerDeadLetters()));
        String group = settings.group(connection);
        rights.add(AccessRight.group(group));
        rights.add(AccessRight.transactionalIds(group + "-"));
        return rights;
    }

    /**
     * Serves until {@link #close}. While a run has no complete posterior, no question is polled; a newer posterior
     * replaces the older one between two polls. When this returns, offsets are committed and the group is left.
     *
     * @throws IllegalArgumentException if the base model is missing, damaged or not the runs'
     * @throws IllegalStateException if a topic is missing, or is deleted meanwhile
     * @throws io.calibrant.schemas.AccessDeniedException naming the rights that were taken away meanwhile
     * @throws RuntimeException if the broker or the registry refuses, or does not answer for minutes: nothing
     *     uncommitted is lost
     */
    public void run() {
        try {
            serve();
        } catch (RuntimeException e) {
            if (AccessFailure.isOne(e)) {
                requireAccess(); // Kafka does not always say which right was taken away
            }
            throw e;
        }
    }

    private void serve() {
        int mathThreads = Autograd.mathThreads();
        List<String> topics = topics();
        try (BaseModel base = BaseModel.load(
                        settings.serving().model(),
                        settings.serving().device(),
                        settings.serving().base(),
                        settings.serving().adapter());
                TopicWatch watch = new TopicWatch(connection, topics, "score");
                ModelKeeper keeper =
                        ModelKeeper.of(connection, settings.serving(), settings.answering(), base, listener)) {
            Runnable wakeup = stop.onRequest(keeper::wakeup);
            List<Worker> workers = new ArrayList<>();
            try {
                // A producer of a topic that is missing would wait for it, or have a broker make it with other
                // settings.
                TopicAdmin.require(connection, topics.toArray(String[]::new));
                table = keeper.table();
                keeper.start();
                for (int i = 0; i < settings.poll().threads(); i++) {
                    workers.add(new Worker(
                            keeper.table(),
                            i,
                            Math.max(1, mathThreads / settings.poll().threads())));
                }
                workers.forEach(Worker::start);
                keep(keeper, watch);
            } finally {
                stop.request();
                stop.remove(wakeup);
                keeper.table().shutDown();
                workers.forEach(Worker::end);
                Autograd.mathThreads(mathThreads); // what one thread sets is also what threads made later start with
            }
            workers.forEach(Worker::rethrow);
        } catch (WakeupException e) {
            if (!stop.requested()) {
                throw e;
            }
        }
    }

    /**
     * Why it answers nothing now, in a word: {@code starting}, {@code no-posterior}, {@code waiting-for-kafka} where
     * the broker or the registry does not answer, {@code stuck} where a thread has taken longer for its questions than
     * they are left to it, {@code stopped}. Empty while every run has a complete posterior in memory. From any thread.
     */
    public Optional<String> obstacle() {
        ModelTable models = table;
        if (stop.requested()) {
            return Optional.of("stopped");
        }
        if (models == null) {
            return Optional.of("starting");
        }
        if (budgets.stream().anyMatch(RetryBudget::isFailing)) {
            return Optional.of("waiting-for-kafka");
        }
        if (ages.isOneStuck()) {
            return Optional.of("stuck");
        }
        return models.isReady() ? Optional.empty() : Optional.of("no-posterior");
    }

    /** The posteriors that it answers with now. From any thread. */
    public List<Posterior> served() {
        ModelTable models = table;
        return models == null ? List.of() : models.posteriors();
    }

    /** What is known now. From any thread. */
    public ScorerFigures figures() {
        ModelTable models = table;
        return new ScorerFigures(
                served(), models == null ? Map.of() : models.newer(), obstacle().isEmpty(), ages.longest());
    }

    private RetryBudget retries() {
        RetryBudget made = new RetryBudget(stop, listener);
        budgets.add(made);
        return made;
    }

    /** What it reads and writes. */
    private List<String> topics() {
        Topics all = connection.topics();
        return List.of(
                all.runs(),
                all.adapters(),
                all.factors(),
                all.posteriors(),
                all.questions(),
                all.answers(),
                all.predictiveStatistics(),
                all.scorerDeadLetters());
    }

    private void keep(ModelKeeper keeper, TopicWatch watch) {
        RetryBudget retries = retries();
        while (!stop.requested()) {
            watch.check();
            try {
                keeper.turn(WAIT);
                retries.succeeded();
            } catch (WakeupException e) {
                // A thread asks for a model, or the scorer is closed.
            } catch (IllegalArgumentException e) {
                throw e;
            } catch (RuntimeException e) {
                retries.failed(e);
            }
        }
    }

    /** A thread with a poll loop of its own. */
    private final class Worker {
        private final ModelTable table;
        private final int mathThreads;
        private final Thread thread;
        private Throwable failure;

        Worker(ModelTable table, int number, int mathThreads) {
            this.table = table;
            this.mathThreads = mathThreads;
            thread = new Thread(this::run, "calibrant-scorer-" + number);
        }

        void start() {
            thread.start();
        }

        private void run() {
            Autograd.mathThreads(mathThreads);
            PollAges.Age age = ages.add();
            try (QuestionLoop questions = QuestionLoop.join(connection, settings, table, listener, deliveries)) {
                Runnable wakeup = stop.onRequest(questions::wakeup);
                RetryBudget retries = retries();
                try {
                    while (!stop.requested()) {
                        age.begin();
                        try {
                            questions.poll(WAIT);
                            retries.succeeded();
                        } catch (WakeupException e) {
                            if (!stop.requested()) {
                                throw e;
                            }
                        } catch (RuntimeException e) {
                            retries.failed(e);
                        }
                    }
                } finally {
                    stop.remove(wakeup);
                }
            } catch (RuntimeException | Error e) {
                failure = e; // rethrown by rethrow(), on the thread of run()
            } finally {
                age.end();
                stop.request();
            }
        }

        /** Waits for the poll that is running. */
        void end() {
            boolean interrupted = false;
            while (true) {
                try {
                    thread.join();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        void rethrow() {
            if (failure instanceof Error error) {
                throw error;
            }
            if (failure instanceof RuntimeException exception && !(failure instanceof WakeupException)) {
                throw exception;
            }
        }
    }

    /** Asks {@link #run} to return after the polls that are running; does not wait for it. */
    @Override
    public void close() {
        stop.request();
    }
}
