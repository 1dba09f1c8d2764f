package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.AnswerCheck;
import io.calibrant.fitter.labels.AnswerSummary;
import io.calibrant.fitter.labels.QuestionChange;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.registry.BadRecordException;
import java.time.Clock;
import java.time.Duration;
import java.util.function.Function;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Joins the answers of this fit with the labels. Answers of other fits are ignored, except by a refit: their answers
 * for validation at the same weights give it T before it has any of its own.
 */
final class AnswersProcessor implements Processor<String, Answer, String, QuestionChange> {
    /** How often old questions are forgotten, in stream time: each time scans every question. */
    static final Duration FORGET_EVERY = Duration.ofDays(1);

    private final FitterSettings settings;
    private final Function<ProcessorContext<?, ?>, RunTable> runTables;
    private final Clock clock;
    private QuestionJoin join;

    AnswersProcessor(FitterSettings settings, Function<ProcessorContext<?, ?>, RunTable> runTables, Clock clock) {
        this.settings = settings;
        this.runTables = runTables;
        this.clock = clock;
    }

    @Override
    public void init(ProcessorContext<String, QuestionChange> context) {
        join = new QuestionJoin(settings, context, runTables.apply(context));
        context.schedule(
                FORGET_EVERY,
                PunctuationType.STREAM_TIME,
                // The time of a stream is kept with its offsets: one from the future, taken by an earlier version,
                // stays.
                now -> forget(Math.min(now, clock.millis())));
    }

    private void forget(long now) {
        join.forget(now - settings.labels().retention().toMillis(), now);
    }

    @Override
    public void process(Record<String, Answer> record) {
        Answer answer = record.value();
        AnswerCheck.present(record.key(), answer);
        if (!answer.getFit().equals(settings.fit())) {
            borrow(record);
            return;
        }
        AnswerCheck.answer(record.key(), answer);
        if (answer.getPurpose() == Purpose.NOISE) {
            join.forNoise(record.key(), record.timestamp(), answer);
            return;
        }
        AnswerSummary given = AnswerSummary.of(
                answer, record.timestamp(), settings.labels().window().toMillis());
        join.answer(record.key(), record.timestamp(), given);
    }

    private void borrow(Record<String, Answer> record) {
        Answer answer = record.value();
        StatisticsSelection of = settings.selection();
        if (!settings.isRefit()
                || answer.getPurpose() != Purpose.VALIDATION
                || !answer.getRunId().equals(of.run())
                || (of.checkpoint() != null && !of.checkpoint().equals(answer.getCheckpoint()))) {
            return;
        }
        try {
            AnswerCheck.answer(record.key(), answer);
        } catch (BadRecordException e) {
            return; // its own fitter dead-letters it
        }
        AnswerSummary given = AnswerSummary.borrowed(
                answer, record.timestamp(), settings.labels().window().toMillis());
        join.answer(record.key(), record.timestamp(), given);
    }
}
