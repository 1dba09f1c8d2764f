package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.fitter.topology.StoredResults;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.reading.GroupLag;
import io.calibrant.schemas.reading.GroupPlace;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.kafka.KafkaStreamsMetrics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.streams.KafkaStreams;

/** Looks at a fitter from outside its stream threads. Nothing is asked, and no thread is there, before it is used. */
final class FitterObservation implements AutoCloseable {
    private final GroupLag lag;
    private final StoredResults results;
    private final KnownResults known = new KnownResults();
    private MeterRegistry registry;
    private KafkaStreamsMetrics bound;
    private boolean closed;

    FitterObservation(Connection connection, FitterSettings settings) {
        Topics topics = connection.topics();
        List<String> inputs = new ArrayList<>(List.of(topics.statistics(), topics.answers(), topics.labels()));
        if (settings.prior().objective() == PriorObjective.VALIDATION) {
            inputs.add(topics.predictiveStatistics());
        }
        String application = settings.applicationId(topics);
        inputs.addAll(StoreNames.repartitionTopics(application));
        lag = new GroupLag(connection, application, inputs);
        results = new StoredResults(connection, settings.labels().driftExpectedRunLength());
    }

    /** From the next {@link #running} on the metrics of Kafka Streams and its clients go here. */
    synchronized void bindTo(MeterRegistry to) {
        registry = to;
    }

    /**
     * Binds the metrics that there are now. They change when partitions are assigned; the binder itself looks for new
     * ones only once a minute.
     */
    synchronized void running(KafkaStreams streams) {
        if (registry != null && !closed) {
            unbind();
            bound = new KafkaStreamsMetrics(streams);
            bound.bindTo(registry);
        }
    }

    private void unbind() {
        if (bound != null) {
            bound.close();
            bound = null;
        }
    }

    /**
     * What is known now.
     *
     * @param running gives null where none run
     * @param alive whether they run, or partitions are being assigned and restored
     */
    FitterFigures figures(Supplier<KafkaStreams> running, BooleanSupplier alive, Duration patience) {
        synchronized (results) { // not this: a stream thread that binds must not wait for the broker
            Map<String, GroupPlace> places = lag.byTopic(patience);
            KafkaStreams streams = running.get(); // the broker has let it wait, and it may have moved
            boolean seen = known.look(streams == null ? null : () -> results.look(streams), alive);
            StoredResults.Results last = known.last();
            return new FitterFigures(seen, last.runs(), last.posteriors(), last.totals(), last.recent(), places);
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            unbind();
        }
        synchronized (results) {
            lag.close();
            results.close();
        }
    }
}
