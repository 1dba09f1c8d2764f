package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.AnswerCheck;
import io.calibrant.fitter.labels.QuestionChange;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.avro.Label;
import java.util.function.Function;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** Joins the labels with the answers; the last label of a question is the one that counts. */
final class LabelsProcessor implements Processor<String, Label, String, QuestionChange> {
    private final FitterSettings settings;
    private final Function<ProcessorContext<?, ?>, RunTable> runTables;
    private QuestionJoin join;

    LabelsProcessor(FitterSettings settings, Function<ProcessorContext<?, ?>, RunTable> runTables) {
        this.settings = settings;
        this.runTables = runTables;
    }

    @Override
    public void init(ProcessorContext<String, QuestionChange> context) {
        join = new QuestionJoin(settings, context, runTables.apply(context));
    }

    @Override
    public void process(Record<String, Label> record) {
        AnswerCheck.label(record.key(), record.value());
        join.label(record.key(), record.timestamp(), record.value());
    }
}
