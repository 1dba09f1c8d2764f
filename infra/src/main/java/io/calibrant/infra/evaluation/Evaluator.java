package io.calibrant.infra.evaluation;

import io.calibrant.fitter.records.SelectiveRecords;
import io.calibrant.fitter.selective.SelectiveCounts;
import io.calibrant.infra.report.Evaluation;
import io.calibrant.infra.report.Selection;
import io.calibrant.infra.topics.QuestionIds;
import io.calibrant.infra.topics.QuestionSender;
import io.calibrant.schemas.AccessCheck;
import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.AskedQuestions;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.scorer.answering.FamiliarityScores;
import io.calibrant.trainer.prompts.Question;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;

/**
 * Sends labelled questions through the topics and waits for their answers. Only answers that come after it has begun
 * count, so that a file can be evaluated again; a question in the scorer's dead-letter topic is not waited for.
 */
public final class Evaluator {
    private static final Duration POLL = Duration.ofMillis(250);
    /** Timeout of answers to validation questions, which were asked before. */
    private static final Duration VALIDATION_PATIENCE = Duration.ofSeconds(30);

    private final Connection connection;
    private final String runId;
    private final String fit;
    private final Duration patience;
    private final EvaluationProgress.Listener listener;
    private final Consumer<String> outages;

    /**
     * An evaluator, which sends nothing yet.
     *
     * @param runId whose scorer is to answer; null where the topics know one run only
     * @param fit the fit to answer with; null: the scorer's own
     * @param patience timeout without any answer of the run; answers to what was asked before count
     * @param outages called once when the broker or the registry is away, and once when it is back; both are waited for
     */
    public Evaluator(
            Connection connection,
            String runId,
            String fit,
            Duration patience,
            EvaluationProgress.Listener listener,
            Consumer<String> outages) {
        this.connection = connection;
        this.runId = runId;
        this.fit = fit;
        this.patience = patience;
        this.listener = listener;
        this.outages = outages;
    }

    /**
     * Evaluates.
     *
     * @param questions with their answers; at least one
     * @throws EvaluationFailure if there is no such run, a question has no answer to compare with, or nobody answers
     * @throws IllegalStateException if a topic does not exist
     */
    public Evaluated evaluate(List<Question> questions) {
        return evaluate(questions, List.of(), EvaluationSettings.TABLE);
    }

    /**
     * Evaluates, and asks questions of another kind as well, to see whether the answers tell.
     *
     * @param questions with their answers; at least one
     * @param unfamiliar need no answers; their ids differ from those of {@code questions}
     * @param settings what is said beyond the table
     * @throws EvaluationFailure as {@link #evaluate(List)}, or if an id occurs in both or stands for another question
     *     on the topic
     */
    public Evaluated evaluate(List<Question> questions, List<Question> unfamiliar, EvaluationSettings settings) {
        Set<String> known = new HashSet<>();
        questions.forEach(question -> known.add(question.id()));
        for (Question question : unfamiliar) {
            if (known.contains(question.id())) {
                throw new EvaluationFailure(Require.message(
                        "id of an unfamiliar question", question.id(), "another one than the labelled questions have"));
            }
        }
        for (Question question : questions) {
            if (question.answer() == null) {
                throw new EvaluationFailure(Require.message(
                        "answer of question '" + question.id() + "'", null, "the label of one of its choices"));
            }
        }
        String topic = connection.topics().labels();
        AccessCheck.require( // labels are sent last, when all has been asked, and read also where there are none yet
                connection, List.of(new AccessRight("READ", "topic", topic), new AccessRight("WRITE", "topic", topic)));
        Run run = run();
        AskedQuestions asked = AskedQuestions.read(connection, outages);
        requireFreeIds(asked, run, questions);
        requireFreeIds(asked, run, unfamiliar);
        awaitCalibration(
                run.getRunId(),
                labelledValidation(run.getRunId(), asked, TrueLabels.read(connection, outages))
                        .keySet());
        Map<String, String> refused = new LinkedHashMap<>();
        Map<String, Answer> answers =
                OnePosterior.answers(questions, open -> answers(run.getRunId(), open, refused), refused);
        if (answers.isEmpty()) {
            throw new EvaluationFailure("all " + questions.size() + " questions were refused, the first one because: "
                    + refused.values().iterator().next());
        }
        Answer first = answers.values().iterator().next();
        String key = Keys.fit(first.getRunId(), first.getCheckpoint(), first.getFit());
        Posterior posterior =
                latest(connection.topics().posteriors(), Posterior.class).get(key);
        if (posterior == null) {
            throw new EvaluationFailure("the answers name posterior " + key + ", which topic "
                    + connection.topics().posteriors() + " does not have");
        }
        List<ValidationAnswer> validation = validation(first);
        Evaluation evaluation = Comparison.of(questions, answers, validation, posterior);
        Map<String, Answer> strange = unfamiliar.isEmpty()
                ? Map.of()
                : answers(run.getRunId(), unfamiliar, refused).answers();
        // Not before: a label of an unfamiliar question makes the fitter publish, and what is served would change.
        new QuestionSender(connection).labels(questions, run.getRunId());
        return new Evaluated(
                evaluation
                        .with(selection(settings, posterior, first, answers, validation))
                        .with(Diagnosis.of(
                                evaluation.questions(),
                                answers,
                                posterior,
                                validation,
                                strange.values(),
                                settings.classConditional())),
                run,
                posterior,
                refused,
                answers,
                Comparison.labelled(questions, answers, validation));
    }

    /** A question whose text is that of a validation question has tuned what is served. */
    private static Selection selection(
            EvaluationSettings settings,
            Posterior posterior,
            Answer first,
            Map<String, Answer> answers,
            List<ValidationAnswer> validation) {
        Set<String> texts = new HashSet<>();
        validation.forEach(one -> texts.add(one.answer().getTextDigest()));
        texts.remove(null);
        Set<String> tuned = new HashSet<>();
        Set<String> unfamiliar = new HashSet<>();
        FamiliarityScores known = new FamiliarityScores(posterior);
        answers.forEach((id, answer) -> {
            if (texts.contains(answer.getTextDigest())) {
                tuned.add(id);
            }
            if (answer.getFamiliarityP() != null
                    && known.isOfAnotherKind(answer.getFamiliarity(), answer.getFamiliarityP())) {
                unfamiliar.add(id);
            }
        });
        SelectiveCounts counts = SelectiveRecords.of(posterior, first.getTier());
        return new Selection(
                settings.targets(),
                tuned,
                unfamiliar,
                settings.targets().stream().map(counts::acceptance).toList());
    }

    private void requireFreeIds(AskedQuestions asked, Run run, List<Question> questions) {
        try {
            QuestionIds.requireFree(asked, questions, QuestionIds.Use.MEASURE, run.getRunId(), null);
        } catch (IllegalArgumentException e) {
            throw new EvaluationFailure(e.getMessage());
        }
    }

    private Run run() {
        Map<String, Run> runs = latest(connection.topics().runs(), Run.class);
        if (runId == null && runs.size() == 1) {
            return runs.values().iterator().next();
        }
        if (runId == null || !runs.containsKey(runId)) {
            throw new EvaluationFailure(Require.message(
                    "--run",
                    runId,
                    runs.isEmpty()
                            ? "a run on topic " + connection.topics().runs() + ", which has none yet"
                            : Require.choice(new TreeSet<>(runs.keySet()))));
        }
        return runs.get(runId);
    }

    /** Asks and waits; puts the reasons of questions that were refused into {@code refused}. */
    private OnePosterior.Replies answers(String run, List<Question> questions, Map<String, String> refused) {
        Set<String> ids = new HashSet<>();
        questions.forEach(question -> ids.add(question.id()));
        try (AnswerWatch watch = new AnswerWatch(
                connection,
                outages,
                false,
                run,
                answer -> answer.getRunId().equals(run) && ids.contains(answer.getQuestionId()),
                answer -> answer.getRunId().equals(run))) {
            new QuestionSender(connection).questions(questions, Purpose.ANSWER, run, fit);
            int open = await("answering", watch, ids, patience);
            if (open > 0) {
                throw new EvaluationFailure(String.format(
                        "%d of %d questions were not answered, and no answer came for %d s: is a scorer of run"
                                + " '%s' running (calibrant score --run %s), and is its posterior complete"
                                + " (calibrant fits)?",
                        open, ids.size(), patience.toSeconds(), run, run));
            }
            watch.refused().forEach((id, reason) -> {
                if (ids.contains(id) && !watch.answers().containsKey(id)) {
                    refused.put(id, reason);
                }
            });
            return new OnePosterior.Replies(new HashMap<>(watch.answers()), watch.last());
        }
    }

    /** Waits until every id has come back; returns how many have not after nothing came for {@code limit}. */
    private int await(String stage, AnswerWatch watch, Set<String> ids, Duration limit) {
        Pace pace = new Pace(limit);
        Set<String> open = new HashSet<>(ids);
        while (true) {
            int before = open.size();
            int others = watch.others();
            watch.poll(POLL);
            open.removeAll(watch.answers().keySet());
            open.removeAll(watch.refused().keySet());
            int done = ids.size() - open.size();
            int answered =
                    (int) ids.stream().filter(watch.answers()::containsKey).count();
            if (watch.isHeldUp() || watch.isReadingThePast()) {
                pace.holds();
            }
            boolean goesOn = pace.goesOn(before - open.size(), watch.others() - others);
            listener.progress(new EvaluationProgress(
                    done == 0 && watch.others() > 0
                            ? stage + ", behind a backlog: " + watch.others() + " others so far"
                            : stage,
                    answered,
                    done - answered,
                    ids.size(),
                    pace.remaining(done, ids.size())));
            if (open.isEmpty() || !goesOn) {
                return open.size();
            }
        }
    }

    /**
     * Waits until the run's validation questions are answered and the posterior is calibrated on them, where both still
     * go on: else what is served would change in the middle of the evaluation.
     */
    private void awaitCalibration(String run, Set<String> ids) {
        if (ids.isEmpty()) {
            return;
        }
        Map<String, Integer> counted = new HashMap<>();
        try (AnswerWatch watch = new AnswerWatch(
                connection,
                outages,
                true,
                run,
                answer -> answer.getPurpose() == Purpose.VALIDATION
                        && answer.getRunId().equals(run)
                        && (fit == null || answer.getFit().equals(fit)),
                answer -> answer.getRunId().equals(run))) {
            await("waiting for validation answers", watch, ids, VALIDATION_PATIENCE);
            watch.answers().forEach((id, answer) -> {
                if (ids.contains(id)) {
                    counted.merge(Keys.fit(run, answer.getCheckpoint(), answer.getFit()), 1, Integer::sum);
                }
            });
        }
        if (counted.isEmpty()) {
            return;
        }
        String key = Collections.max(counted.entrySet(), Map.Entry.comparingByValue())
                .getKey();
        int wanted = counted.get(key);
        Pace pace = new Pace(VALIDATION_PATIENCE);
        int[] labels = new int[1];
        try (TopicReader posteriors = TopicReading.of(connection)
                .records(connection.topics().posteriors(), Posterior.class, key::equals, each -> {
                    if (each.value() != null) {
                        labels[0] = (int) each.value().getLabels();
                        pace.goesOn(1);
                    }
                })
                .throughOutages(outages)
                .follow()) {
            while (labels[0] < wanted
                    && (pace.goesOn(0) || !posteriors.problem().isEmpty())) {
                posteriors.poll(POLL);
                if (!posteriors.problem().isEmpty()) {
                    pace.holds();
                }
                listener.progress(
                        new EvaluationProgress("waiting for the calibration on labels", labels[0], 0, wanted, null));
            }
        }
    }

    /**
     * The labels of the run's validation questions, by id. A question that was asked once more for another purpose has
     * calibrated all the same.
     */
    static Map<String, String> labelledValidation(String run, AskedQuestions asked, TrueLabels labels) {
        Map<String, String> labelled = new HashMap<>();
        asked.validation(run)
                .forEach((id, digests) -> digests.forEach(
                        digest -> labels.of(id, run, digest).ifPresent(label -> labelled.put(id, label))));
        return labelled;
    }

    /** Answers to the labelled validation questions of the run, by the adapter and the fit that gave {@code like}. */
    private List<ValidationAnswer> validation(Answer like) {
        // Read again: a trainer may have sent its validation questions meanwhile.
        Map<String, String> labels = labelledValidation(
                like.getRunId(), AskedQuestions.read(connection, outages), TrueLabels.read(connection, outages));
        Set<String> ids = labels.keySet();
        if (ids.isEmpty()) {
            return List.of();
        }
        try (AnswerWatch watch = new AnswerWatch(
                connection,
                outages,
                true,
                like.getRunId(),
                answer -> answer.getPurpose() == Purpose.VALIDATION
                        && answer.getRunId().equals(like.getRunId())
                        && answer.getCheckpoint().equals(like.getCheckpoint())
                        && answer.getFit().equals(like.getFit()),
                answer -> answer.getRunId().equals(like.getRunId()))) {
            await("reading validation answers", watch, ids, VALIDATION_PATIENCE);
            List<ValidationAnswer> found = new ArrayList<>();
            new TreeMap<>(watch.answers()).forEach((id, answer) -> {
                String label = labels.get(id);
                if (answer.getLabels().contains(label)) {
                    found.add(new ValidationAnswer(answer, answer.getLabels().indexOf(label)));
                }
            });
            return List.copyOf(found);
        }
    }

    private <T extends SpecificRecord> Map<String, T> latest(String topic, Class<T> type) {
        // Bad records are the services' to report.
        return TopicReading.of(connection).throughOutages(outages).latest(topic, type);
    }
}
