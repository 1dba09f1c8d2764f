package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.AnswerSummary;
import io.calibrant.fitter.labels.AskedQuestion;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.labels.CalibrationCounts;
import io.calibrant.fitter.labels.CalibrationWindow;
import io.calibrant.fitter.labels.QuestionChange;
import io.calibrant.fitter.labels.QuestionState;
import io.calibrant.fitter.labels.RunQuestion;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.registry.BadRecordException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Joins answers with labels of the same run, question and text, in either order: each event changes what is known of
 * its question, and the difference is sent to all that it changes. So nothing is counted twice, and a correction
 * subtracts what the record before it had added.
 *
 * <p>The store has what a run says of a question, and the labels that name it, under the id, a character of value 0 and
 * the run; the labels that name no run under the id. However many runs answer a question, an answer reads two entries.
 */
final class QuestionJoin {
    /** No id holds it: {@link io.calibrant.fitter.labels.AnswerCheck}. */
    private static final char BEFORE_RUN = 0;

    private final String fit;
    private final ProcessorContext<String, QuestionChange> context;
    private final PromptCommits commits;
    private final KeyValueStore<String, QuestionState> questions;
    private final RunTable runTable;

    QuestionJoin(FitterSettings settings, ProcessorContext<String, QuestionChange> context, RunTable runTable) {
        this.runTable = runTable;
        fit = settings.fit();
        commits = new PromptCommits(context, settings.streaming().commitInterval(), Clock.systemUTC());
        this.context = context;
        questions = context.getStateStore(StoreNames.QUESTIONS);
    }

    /**
     * Joins an answer. One that another fit gave is left out where it is to another text.
     *
     * @throws BadRecordException if the id stands for another text in its run, which is counted, or if it is of an
     *     earlier run of this name
     */
    void answer(String questionId, long timestamp, AnswerSummary given) {
        QuestionState shared = shared(questionId);
        QuestionState stored = own(questionId, given.runId());
        int generation = generation(given.runId(), stored);
        if (!Keys.isOfGeneration(generation, given.checkpoint())) {
            if (given.isBorrowed()) {
                return;
            }
            throw ofEarlierRun(questionId, given.runId());
        }
        RunQuestion before = new RunQuestion(given.runId(), stored.ofGeneration(generation), shared);
        if (isOfOtherText(before.own(), generation, given.text())) {
            if (!given.isBorrowed()) {
                refuse(questionId, timestamp, before, "answer");
            }
            return;
        }
        QuestionState after = shared.after(given);
        Changes changes = new Changes(timestamp);
        changes.waiting(shared, after);
        changes.reset(given.runId(), stored, before.own());
        changes.of(
                questionId, before, new RunQuestion(given.runId(), before.own().with(given), after));
        if (!after.equals(shared)) {
            questions.put(questionId, after);
        }
        changes.send();
    }

    /**
     * Passes on the covariance of an answer that was asked for the noise of a logit. The question is a training
     * question and has no label: it is counted nowhere, and nothing is kept of it here.
     *
     * @throws BadRecordException if it is of an earlier run of this name
     */
    void forNoise(String questionId, long timestamp, Answer answer) {
        String run = answer.getRunId();
        if (!Keys.isOfGeneration(runTable.generation(run), answer.getCheckpoint())) {
            throw ofEarlierRun(questionId, run);
        }
        commits.processed(timestamp);
        context.forward(new Record<>(
                Keys.fit(run, answer.getCheckpoint(), fit),
                new QuestionChange.OfAnswer(questionId, CalibrationAnswer.forNoise(answer, timestamp)),
                timestamp,
                new RecordHeaders()));
    }

    private static BadRecordException ofEarlierRun(String questionId, String run) {
        return new BadRecordException("answer to question '" + questionId + "' of run '" + run
                + "': it is of an earlier run of this name, which was deleted");
    }

    /**
     * Joins a label.
     *
     * @throws BadRecordException if the id stands for another text, or for several and the label says neither run nor
     *     text; that is counted
     */
    void label(String questionId, long timestamp, Label label) {
        QuestionState shared = shared(questionId);
        if (label.getRun() != null) {
            labelOfRun(questionId, timestamp, label, shared);
            return;
        }
        Map<String, QuestionState> runs = runs(questionId);
        runs.replaceAll((run, own) -> own.ofGeneration(generation(run, own)));
        Set<String> texts = new TreeSet<>();
        runs.values().forEach(run -> texts.addAll(run.texts()));
        String text = label.getTextDigest();
        if (text == null && texts.size() > 1) {
            QuestionState refusing = shared.refusing();
            Changes changes = new Changes(timestamp);
            changes.waiting(shared, refusing);
            questions.put(questionId, refusing);
            changes.send();
            throw new BadRecordException("label of question '" + questionId + "': the id stands for " + texts.size()
                    + " texts in runs " + String.join(", ", runs.keySet())
                    + ", and the label names neither its run nor its text");
        }
        String bound = text == null && texts.size() == 1 ? texts.iterator().next() : text;
        boolean met = runs.values().stream().anyMatch(run -> run.isAnswered(bound));
        QuestionState after = shared.with(bound, label.getLabel(), timestamp, met);
        Changes changes = new Changes(timestamp);
        changes.waiting(shared, after);
        runs.forEach((run, own) ->
                changes.of(questionId, new RunQuestion(run, own, shared), new RunQuestion(run, own, after)));
        questions.put(questionId, after);
        changes.send();
    }

    private void labelOfRun(String questionId, long timestamp, Label label, QuestionState shared) {
        String run = label.getRun();
        QuestionState stored = own(questionId, run);
        int generation = generation(run, stored);
        RunQuestion before = new RunQuestion(run, stored.ofGeneration(generation), shared);
        if (isOfOtherText(before.own(), generation, label.getTextDigest())) {
            refuse(questionId, timestamp, before, "label");
        }
        Set<String> texts = before.own().texts();
        String text = label.getTextDigest() == null && texts.size() == 1
                ? texts.iterator().next()
                : label.getTextDigest();
        QuestionState own = before.own()
                .with(text, label.getLabel(), timestamp, before.own().isAnswered(text));
        Changes changes = new Changes(timestamp);
        changes.reset(run, stored, before.own());
        changes.of(questionId, before, new RunQuestion(run, own, shared));
        changes.send();
    }

    /** How many runs of this name were deleted before; of what is not known yet nobody has to ask. */
    private int generation(String run, QuestionState stored) {
        return stored.equals(QuestionState.UNKNOWN) ? 0 : runTable.generation(run);
    }

    /** A label without answers may be that of a deleted run: then only an answer says which text an id stands for. */
    private static boolean isOfOtherText(QuestionState own, int generation, String text) {
        return (generation == 0 || !own.answers().isEmpty())
                && own.otherText(text).isPresent();
    }

    private void refuse(String questionId, long timestamp, RunQuestion before, String what) {
        Changes changes = new Changes(timestamp);
        changes.of(
                questionId, before, new RunQuestion(before.run(), before.own().refusing(), before.shared()));
        changes.send();
        throw new BadRecordException("question id '" + questionId + "' of run '" + before.run()
                + "' stands for two texts: this " + what + " is of another one than those before it");
    }

    /** What is known without a run; what an earlier version kept in one place is taken apart first. */
    private QuestionState shared(String questionId) {
        QuestionState shared = questions.get(questionId);
        return shared == null ? QuestionState.UNKNOWN : takenApart(questionId, shared);
    }

    private QuestionState takenApart(String questionId, QuestionState shared) {
        if (shared.answers().isEmpty()) {
            return shared;
        }
        shared.byRun().forEach((run, own) -> questions.put(key(questionId, run), own));
        QuestionState labels = shared.withoutAnswers();
        questions.put(questionId, labels);
        return labels;
    }

    private QuestionState own(String questionId, String run) {
        QuestionState own = questions.get(key(questionId, run));
        return own == null ? QuestionState.UNKNOWN : own;
    }

    private static String key(String questionId, String run) {
        return questionId + BEFORE_RUN + run;
    }

    /** What each run has said of a question. */
    private Map<String, QuestionState> runs(String questionId) {
        String prefix = key(questionId, "");
        Map<String, QuestionState> runs = new TreeMap<>();
        try (StringSerializer keys = new StringSerializer();
                KeyValueIterator<String, QuestionState> all = questions.prefixScan(prefix, keys)) {
            all.forEachRemaining(each -> runs.put(each.key.substring(prefix.length()), each.value));
        }
        return runs;
    }

    /**
     * What an event changes. Nothing is stored or sent before all of it is known: a record that fails changes nothing.
     */
    private final class Changes {
        private final long timestamp;
        private final List<Record<String, QuestionChange>> records = new ArrayList<>();
        private final Map<String, QuestionState> states = new HashMap<>();

        Changes(long timestamp) {
            this.timestamp = timestamp;
        }

        void waiting(QuestionState before, QuestionState after) {
            counts(RunQuestion.waiting("", before, fit), RunQuestion.waiting("", after, fit), Map.of());
        }

        /** What waited in a deleted run is not waited for any more; what that had counted was deleted with it. */
        void reset(String run, QuestionState before, QuestionState after) {
            counts(RunQuestion.waiting(run, before, fit), RunQuestion.waiting(run, after, fit), Map.of());
        }

        void of(String questionId, RunQuestion before, RunQuestion after) {
            counts(before.counts(fit), after.counts(fit), after.asked(before, fit));
            Map<String, CalibrationAnswer> answersBefore = before.calibrationAnswers(fit);
            Map<String, CalibrationAnswer> answersAfter = after.calibrationAnswers(fit);
            Set<String> keys = new TreeSet<>(answersBefore.keySet());
            keys.addAll(answersAfter.keySet());
            for (String key : keys) {
                if (!Objects.equals(answersBefore.get(key), answersAfter.get(key))) {
                    add(key, new QuestionChange.OfAnswer(questionId, answersAfter.get(key)));
                }
            }
            if (!before.own().equals(after.own())) {
                states.put(key(questionId, after.run()), after.own());
            }
        }

        private void counts(
                Map<String, CalibrationCounts> before,
                Map<String, CalibrationCounts> after,
                Map<String, AskedQuestion> asked) {
            Set<String> keys = new TreeSet<>(before.keySet());
            keys.addAll(after.keySet());
            for (String key : keys) {
                CalibrationCounts old = before.getOrDefault(key, CalibrationCounts.NONE);
                CalibrationCounts now = after.getOrDefault(key, CalibrationCounts.NONE);
                CalibrationCounts difference = now.minus(old);
                if (!difference.isEmpty() || now.newest() > old.newest()) {
                    add(key, new QuestionChange.OfCounts(difference, asked.get(key)));
                }
            }
        }

        private void add(String key, QuestionChange change) {
            records.add(new Record<>(key, change, timestamp, new RecordHeaders()));
        }

        void send() {
            states.forEach(questions::put);
            commits.processed(timestamp);
            records.forEach(context::forward);
        }
    }

    /**
     * Forgets what is older than a time, milliseconds. Windows of that age are deleted, once nothing is left in them.
     * The total keeps what it has counted, but no longer counts what waited for a label or an answer. What a fit was
     * calibrated on stays. The labels of a question stay as long as one of its answers.
     */
    void forget(long before, long now) {
        Set<String> old = new LinkedHashSet<>();
        try (KeyValueIterator<String, QuestionState> all = questions.all()) {
            while (all.hasNext()) {
                KeyValue<String, QuestionState> each = all.next();
                QuestionState left = each.value.since(before);
                if (left.isOver(before) || !left.equals(each.value)) {
                    int end = each.key.indexOf(BEFORE_RUN);
                    old.add(end < 0 ? each.key : each.key.substring(0, end));
                }
            }
        }
        old.forEach(questionId -> forget(questionId, before, now));
    }

    private void forget(String questionId, long before, long now) {
        QuestionState shared = shared(questionId);
        boolean answered = false;
        for (Map.Entry<String, QuestionState> each : runs(questionId).entrySet()) {
            QuestionState left = each.getValue().since(before);
            boolean over = left.isOver(before);
            answered |= !left.answers().isEmpty();
            Map<String, CalibrationCounts> gone =
                    new TreeMap<>(new RunQuestion(each.getKey(), each.getValue(), shared).counts(fit));
            if (!over) {
                gone.keySet()
                        .removeAll(new RunQuestion(each.getKey(), left, shared)
                                .counts(fit)
                                .keySet());
            }
            questions.put(key(questionId, each.getKey()), over ? null : left);
            gone.forEach((key, counts) -> forgotten(key, counts, now));
        }
        if (!answered && shared.isOver(before)) {
            RunQuestion.waiting("", shared, fit).forEach((key, counts) -> forgotten(key, counts, now));
            questions.put(questionId, null);
        }
    }

    private void forgotten(String key, CalibrationCounts counts, long now) {
        QuestionChange change = null;
        if (!key.endsWith('/' + CalibrationWindow.TOTAL)) {
            // Other tasks may not have come so far: each takes out what it has put in.
            change = new QuestionChange.OfCounts(counts.forgotten());
        } else if (counts.waiting() + counts.unanswered() > 0) {
            change = new QuestionChange.OfCounts(counts.noLongerWaiting());
        }
        if (change != null) {
            context.forward(new Record<>(key, change, now, new RecordHeaders()));
        }
    }
}
