package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.PredictiveCheck;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.PredictiveStatistics;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Sends the predictive statistics of this fit to the task that calibrates it; a bad one throws, which dead-letters it.
 */
final class PredictiveProcessor implements Processor<String, PredictiveStatistics, String, PredictiveStatistics> {
    private final FitterSettings settings;
    private ProcessorContext<String, PredictiveStatistics> context;

    PredictiveProcessor(FitterSettings settings) {
        this.settings = settings;
    }

    @Override
    public void init(ProcessorContext<String, PredictiveStatistics> context) {
        this.context = context;
    }

    @Override
    public void process(Record<String, PredictiveStatistics> record) {
        PredictiveStatistics value = record.value();
        PredictiveCheck.present(record.key(), value);
        if (!value.getFit().equals(settings.fit())) {
            return;
        }
        PredictiveCheck.self(record.key(), value);
        String fit = Keys.fit(value.getRunId(), value.getCheckpoint(), value.getFit());
        context.forward(new Record<>(fit, value, record.timestamp(), new RecordHeaders()));
    }
}
