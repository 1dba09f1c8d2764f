package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.apache.kafka.common.errors.WakeupException;

/**
 * The scorer service: answers the questions of its topic with one complete posterior at a time, until it is closed.
 *
 * <p>{@link #run} does all the work on the caller's thread; {@link #close} may be called from any thread.
 */
public final class Scorer implements AutoCloseable {
    private static final Duration WAIT = Duration.ofSeconds(1);

    private final Connection connection;
    private final ScorerSettings settings;
    private final ScorerListener listener;
    private final Stop stop = new Stop();

    /**
     * Starts nothing yet.
     *
     * @param connection broker, registry and topics
     * @param settings what to answer with
     * @param listener is told of what happens
     */
    public Scorer(Connection connection, ScorerSettings settings, ScorerListener listener) {
        this.connection = Objects.requireNonNull(connection, "connection");
        this.settings = Objects.requireNonNull(settings, "settings");
        this.listener = Objects.requireNonNull(listener, "listener");
    }

    /**
     * Serves until {@link #close}. Waits where there is no complete posterior yet, without taking questions; changes to a
     * newer one between two polls. Offsets are committed and the group is left when this returns.
     *
     * @throws IllegalArgumentException if the base model is missing, damaged or not the run's
     * @throws RuntimeException if the broker or the registry cannot be reached or refuses: nothing uncommitted is lost
     */
    public void run() {
        PosteriorAssembly assembly = new PosteriorAssembly(connection, settings.run(), settings.fit());
        try (BaseModel base = BaseModel.load(settings.model(), settings.device());
                TopicFollower follower = new TopicFollower(connection, assembly)) {
            Runnable wakeup = stop.onRequest(follower::wakeup);
            try {
                follower.catchUp();
                serve(base, follower, assembly);
            } finally {
                stop.remove(wakeup);
            }
        } catch (WakeupException e) {
            if (!stop.requested()) {
                throw e;
            }
        }
    }

    private void serve(BaseModel base, TopicFollower follower, PosteriorAssembly assembly) {
        String reason = "";
        while (assembly.newestId().isEmpty()) {
            if (!reason.equals(assembly.waitingFor())) {
                reason = assembly.waitingFor();
                listener.waiting(reason);
            }
            follower.poll(WAIT);
        }
        AnswerModel model = next(base, assembly);
        try (QuestionLoop questions = new QuestionLoop(connection, settings)) {
            Runnable wakeup = stop.onRequest(questions::wakeup);
            try {
                while (!stop.requested()) {
                    if (follower.poll(Duration.ZERO)) {
                        Optional<String> newest = assembly.newestId();
                        if (newest.isPresent() && !newest.get().equals(model.id())) {
                            AnswerModel old = model;
                            model = next(base, assembly);
                            old.close();
                        }
                    }
                    questions.poll(WAIT, model, listener);
                }
            } finally {
                stop.remove(wakeup);
            }
        } finally {
            model.close();
        }
    }

    private AnswerModel next(BaseModel base, PosteriorAssembly assembly) {
        Snapshot snapshot = assembly.newest().orElseThrow();
        base.requireModelOf(snapshot.run());
        AnswerModel model = AnswerModel.of(base, snapshot, settings);
        listener.serving(
                snapshot.posterior().getCheckpoint(),
                snapshot.posterior().getFit(),
                snapshot.posterior().getVersion());
        return model;
    }

    /** Asks {@link #run} to return after the poll in hand; does not wait for it. */
    @Override
    public void close() {
        stop.request();
    }
}
