package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.AskedQuestion;
import io.calibrant.fitter.labels.Joined;
import io.calibrant.fitter.labels.Tally;
import io.calibrant.fitter.labels.TuningAnswer;
import io.calibrant.fitter.labels.Window;
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
 * Answers and labels of the same questions, whichever comes first: each event changes what is known of its question,
 * and the difference is sent to all that it changes. So nothing is counted twice, and everything can be taken back.
 */
final class QuestionJoin {
    private final String fit;
    private final ProcessorContext<String, Joined> context;
    private final PromptCommits commits;
    private final KeyValueStore<String, AskedQuestion> questions;

    QuestionJoin(FitterSettings settings, ProcessorContext<String, Joined> context) {
        fit = settings.fit();
        commits = new PromptCommits(context, settings.commitInterval(), Clock.systemUTC());
        this.context = context;
        questions = context.getStateStore(StoreNames.QUESTIONS);
    }

    /** Applies an event to a question. */
    void change(String questionId, long timestamp, UnaryOperator<AskedQuestion> event) {
        AskedQuestion known = questions.get(questionId);
        AskedQuestion before = known == null ? AskedQuestion.UNKNOWN : known;
        AskedQuestion after = event.apply(before);
        questions.put(questionId, after);
        commits.processed(timestamp);

        Map<String, Tally> was = before.tallies(fit);
        Map<String, Tally> is = after.tallies(fit);
        TreeSet<String> keys = new TreeSet<>(was.keySet());
        keys.addAll(is.keySet());
        for (String key : keys) {
            Tally old = was.getOrDefault(key, Tally.NONE);
            Tally now = is.getOrDefault(key, Tally.NONE);
            Tally difference = now.minus(old);
            if (!difference.isEmpty() || now.newest() > old.newest()) {
                send(key, new Joined.OfTally(difference), timestamp);
            }
        }

        Map<String, TuningAnswer> said = before.tuning(fit);
        Map<String, TuningAnswer> says = after.tuning(fit);
        keys = new TreeSet<>(said.keySet());
        keys.addAll(says.keySet());
        for (String key : keys) {
            if (!Objects.equals(said.get(key), says.get(key))) {
                send(key, new Joined.OfTuning(questionId, says.get(key)), timestamp);
            }
        }
    }

    /**
     * Forgets what is older than a time, milliseconds. Windows that old go; what the total has counted stays counted,
     * only what waits waits no longer. What a fit was tuned on stays.
     */
    void forget(long before, long now) {
        List<KeyValue<String, AskedQuestion>> old = new ArrayList<>();
        try (KeyValueIterator<String, AskedQuestion> all = questions.all()) {
            while (all.hasNext()) {
                KeyValue<String, AskedQuestion> each = all.next();
                if (!Objects.equals(each.value.since(before), each.value)) {
                    old.add(each);
                }
            }
        }
        for (KeyValue<String, AskedQuestion> each : old) {
            AskedQuestion left = each.value.since(before);
            questions.put(each.key, left);
            Map<String, Tally> gone = each.value.tallies(fit);
            if (left != null) {
                gone.keySet().removeAll(left.tallies(fit).keySet());
            }
            gone.forEach((key, tally) -> {
                if (!key.endsWith('/' + Window.TOTAL)) {
                    send(key, new Joined.OfTally(null), now);
                } else if (tally.waiting() + tally.unanswered() > 0) {
                    send(key, new Joined.OfTally(Tally.NONE.minus(tally)), now);
                }
            });
        }
    }

    private void send(String key, Joined change, long timestamp) {
        context.forward(new Record<>(key, change, timestamp, new RecordHeaders()));
    }
}
