package io.calibrant.infra.loop;

import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.infra.loop.Watched.WatchedFitter;
import io.calibrant.infra.loop.Watched.WatchedScorer;
import io.calibrant.infra.telemetry.Exposition;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.LabelFreeServing;
import io.calibrant.scorer.service.PollSettings;
import io.calibrant.scorer.service.ScorerSettings;
import io.calibrant.scorer.serving.ServingSettings;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.settings.TrainerSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A trainer and a scorer of a run, or of several, in this JVM; a fitter of all runs is beside them. */
final class Services implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofMinutes(15);

    private final Connection connection;
    private final List<String> runs;
    private final WatchedScorer scorer;
    private final Exposition first;
    private final String readyAtFirst;
    private Watched.Trained trained;
    private final CompletableFuture<Void> scoring;

    private Services(Connection connection, List<String> runs, WatchedScorer scorer) {
        this.connection = connection;
        this.runs = runs;
        this.scorer = scorer;
        scoring = CompletableFuture.runAsync(
                scorer.service()::run, task -> new Thread(task, "scorer of " + runs).start());
        await("the scorer, until it waits for a posterior")
                .atMost(LIMIT)
                .until(() -> scorer.service().obstacle().isEmpty()
                        || scorer.service().obstacle().get().equals("no-posterior"));
        readyAtFirst = scorer.ready();
        first = scorer.scrape();
    }

    /** A fitter with the default settings, for any number of runs: it takes seconds to start. */
    static WatchedFitter fitter(Connection connection, Path state) {
        WatchedFitter fitter =
                WatchedFitter.of(connection, FitterSettings.defaults().withStateDir(state));
        fitter.service().start();
        return fitter;
    }

    /** Starts a scorer of what {@link #fitter} makes of the run. */
    static Services start(Connection connection, String run, Path model, int points) {
        return start(connection, List.of(run), model, points, PollSettings.DEFAULTS);
    }

    /** With a scorer of several runs, which takes its questions as {@code poll} says. */
    static Services start(Connection connection, List<String> runs, Path model, int points, PollSettings poll) {
        ScorerSettings settings = new ScorerSettings(
                ServingSettings.of(runs.get(0), model).withRuns(runs).withFit(FitterSettings.DEFAULT_FIT),
                AnsweringSettings.DEFAULTS
                        .withLink(LinkFunction.MC)
                        .withPoints(points)
                        .withLabelFree(LabelFreeServing.EVIDENCE), // as the references have it
                poll);
        return new Services(connection, runs, WatchedScorer.of(connection, settings));
    }

    /** Runs a trainer to its end. */
    void train(TrainerSettings settings) {
        trained = Watched.train(settings, connection);
    }

    /** What the trainer showed. */
    Watched.Trained trainer() {
        return trained;
    }

    /** What the meters of the scorer showed before anything was trained. */
    Exposition scorerAtFirst() {
        return first;
    }

    /** What it said of itself then. */
    String scorerReadyAtFirst() {
        return readyAtFirst;
    }

    /** What it says of itself. */
    String scorerReady() {
        return scorer.ready();
    }

    /** What the meters of the scorer show. */
    Exposition scorer() {
        return scorer.scrape();
    }

    /** Asks, and waits for the answers. */
    Map<String, Answer> ask(List<Question> questions) {
        return ask(runs.get(0), questions, null);
    }

    /** Asks with a fit, and waits for the answers. */
    Map<String, Answer> ask(List<Question> questions, String fit) {
        return ask(runs.get(0), questions, fit);
    }

    /** Asks with a run and a fit, or the default one where that is null, and waits for the answers. */
    Map<String, Answer> ask(String run, List<Question> questions, String fit) {
        Map<String, Answer> answers = new HashMap<>();
        try (TopicReader reader = TopicReading.of(connection)
                .badRecords(line -> {
                    throw new AssertionError(line);
                })
                .records(connection.topics().answers(), Answer.class, record -> {
                    // a trainer's own questions may still be answered meanwhile
                    if (record.value().getRunId().equals(run) && record.value().getPurpose() == Purpose.ANSWER) {
                        answers.put(record.key(), record.value());
                    }
                })
                .fromNow()
                .follow()) {
            new QuestionSender(connection).questions(questions, Purpose.ANSWER, run, fit);
            long end = System.nanoTime() + LIMIT.toNanos();
            while (answers.size() < questions.size()) {
                if (scoring.isDone()) {
                    scoring.join(); // says why
                }
                if (System.nanoTime() > end) {
                    throw new AssertionError(answers.size() + " of " + questions.size() + " answers came");
                }
                reader.poll(Duration.ofMillis(200));
            }
        }
        return answers;
    }

    /** Waits for a posterior. */
    Posterior awaitPosterior(String key, Predicate<Posterior> wanted) {
        long end = System.nanoTime() + Duration.ofMinutes(3).toNanos();
        Deque<Posterior> came = new ArrayDeque<>();
        try (TopicReader reader = TopicReading.of(connection)
                .records(
                        connection.topics().posteriors(),
                        Posterior.class,
                        key::equals,
                        record -> came.add(record.value()))
                .follow()) {
            Posterior last = null;
            while (System.nanoTime() < end) {
                reader.poll(Duration.ofMillis(200));
                while (!came.isEmpty()) {
                    last = came.remove();
                    if (wanted.test(last)) {
                        return last;
                    }
                }
            }
            throw new AssertionError("no such posterior came, the last one of " + key + " is " + last);
        }
    }

    /** The posterior that answers of this run rest on. */
    Posterior posterior(Answer answer) {
        String key = answer.getRunId() + "/" + answer.getCheckpoint() + "/" + answer.getFit();
        List<Posterior> found = new ArrayList<>();
        TopicReading.of(connection)
                .records(connection.topics().posteriors(), Posterior.class, key::equals, record -> {
                    // a newer one may have come meanwhile, once the noise of a logit is known
                    if (record.value() != null && record.value().getVersion() == answer.getPosteriorVersion()) {
                        found.add(record.value());
                    }
                })
                .readToEnd();
        if (found.isEmpty()) {
            throw new AssertionError("answered by version " + answer.getPosteriorVersion() + " of " + key
                    + ", which the topic does not have");
        }
        return found.get(0);
    }

    @Override
    public void close() {
        scorer.service().close();
        scoring.orTimeout(1, TimeUnit.MINUTES).join();
        scorer.close();
    }
}
