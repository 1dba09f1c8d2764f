package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.labels.CalibrationCounts;
import io.calibrant.fitter.labels.CalibrationWindow;
import io.calibrant.fitter.labels.QuestionChange;
import io.calibrant.fitter.labels.QuestionState;
import io.calibrant.fitter.settings.FitterSettings;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Joins answers with labels of the same questions, in either order: each event changes what is known of its question,
 * and the difference is sent to all that it changes. So nothing is counted twice, and a correction subtracts what the
 * record before it had added.
 */
final class QuestionJoin {
    private final String fit;
    private final ProcessorContext<String, QuestionChange> context;
    private final PromptCommits commits;
    private final KeyValueStore<String, QuestionState> questions;

    QuestionJoin(FitterSettings settings, ProcessorContext<String, QuestionChange> context) {
        fit = settings.fit();
        commits = new PromptCommits(context, settings.streaming().commitInterval(), Clock.systemUTC());
        this.context = context;
        questions = context.getStateStore(StoreNames.QUESTIONS);
    }

    /** Applies an event to a question. */
    void change(String questionId, long timestamp, UnaryOperator<QuestionState> event) {
        QuestionState known = questions.get(questionId);
        QuestionState before = known == null ? QuestionState.UNKNOWN : known;
        QuestionState after = event.apply(before);
        // Before the store is changed: what fails here is a record that has changed nothing.
        Map<String, CalibrationCounts> countsBefore = before.counts(fit);
        Map<String, CalibrationCounts> countsAfter = after.counts(fit);
        Map<String, CalibrationAnswer> answersBefore = before.calibrationAnswers(fit);
        Map<String, CalibrationAnswer> answersAfter = after.calibrationAnswers(fit);
        questions.put(questionId, after);
        commits.processed(timestamp);

        TreeSet<String> keys = new TreeSet<>(countsBefore.keySet());
        keys.addAll(countsAfter.keySet());
        for (String key : keys) {
            CalibrationCounts old = countsBefore.getOrDefault(key, CalibrationCounts.NONE);
            CalibrationCounts now = countsAfter.getOrDefault(key, CalibrationCounts.NONE);
            CalibrationCounts difference = now.minus(old);
            if (!difference.isEmpty() || now.newest() > old.newest()) {
                send(key, new QuestionChange.OfCounts(difference), timestamp);
            }
        }

        keys = new TreeSet<>(answersBefore.keySet());
        keys.addAll(answersAfter.keySet());
        for (String key : keys) {
            if (!Objects.equals(answersBefore.get(key), answersAfter.get(key))) {
                send(key, new QuestionChange.OfAnswer(questionId, answersAfter.get(key)), timestamp);
            }
        }
    }

    /**
     * Forgets what is older than a time, milliseconds. Windows of that age are deleted, once nothing is left in them.
     * The total keeps what it has counted, but no longer counts what waited for a label or an answer. What a fit was
     * calibrated on stays.
     */
    void forget(long before, long now) {
        List<KeyValue<String, QuestionState>> old = new ArrayList<>();
        try (KeyValueIterator<String, QuestionState> all = questions.all()) {
            while (all.hasNext()) {
                KeyValue<String, QuestionState> each = all.next();
                if (!Objects.equals(each.value.since(before), each.value)) {
                    old.add(each);
                }
            }
        }
        for (KeyValue<String, QuestionState> each : old) {
            QuestionState left = each.value.since(before);
            questions.put(each.key, left);
            Map<String, CalibrationCounts> gone = each.value.counts(fit);
            if (left != null) {
                gone.keySet().removeAll(left.counts(fit).keySet());
            }
            gone.forEach((key, counts) -> {
                if (!key.endsWith('/' + CalibrationWindow.TOTAL)) {
                    // Other tasks may not have come so far: each takes out what it has put in.
                    send(key, new QuestionChange.OfCounts(counts.forgotten()), now);
                } else if (counts.waiting() + counts.unanswered() > 0) {
                    send(key, new QuestionChange.OfCounts(CalibrationCounts.NONE.minus(counts)), now);
                }
            });
        }
    }

    private void send(String key, QuestionChange change, long timestamp) {
        context.forward(new Record<>(key, change, timestamp, new RecordHeaders()));
    }
}
