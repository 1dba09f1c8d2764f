package io.calibrant.fitter.topology;

import io.calibrant.fitter.folding.FoldResult;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.labels.CalibrationFactory;
import io.calibrant.fitter.labels.CalibrationInput;
import io.calibrant.fitter.labels.CalibrationState;
import io.calibrant.fitter.labels.QuestionChange;
import io.calibrant.fitter.labels.QuestionState;
import io.calibrant.fitter.posteriors.LabelCalibration;
import io.calibrant.fitter.posteriors.PosteriorFactory;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The topology, a pure function of connection and settings. The names of nodes, stores and repartition topics stay as
 * they are, whatever the classes are called: they are part of what is stored in Kafka.
 *
 * <pre>
 * runs ==> global table
 * statistics --fold--> factor-updates (every fold), factors (every 32 batches and at the end)
 *              \--by-checkpoint--> [spectra repartition] --posterior--> posteriors
 *                                                            \--tune--> posteriors, once more
 * answers, labels --join--> [tuning-answers repartition] ------/
 *                     \                                       /
 *                      \    predictive-statistics --> [repartition], only where labels choose the prior
 *                       \--> [tallies repartition] --calibration--> calibration
 * </pre>
 *
 * <p>Statistics, answers and labels are expected in the partition of their key. Those that another client's partitioner
 * put elsewhere come to it by a repartition topic, see {@link Inputs}; the others take no such way, which would double
 * what is written of the large ones.
 *
 * <p>The golden description {@code topology.txt} is that of the default settings, without predictive statistics.
 */
public final class FitterTopology {
    /** How old a statistic may be while its run is still waited for. */
    private static final long PATIENCE_MILLIS = 5_000;

    private FitterTopology() {}

    /**
     * Builds the topology.
     *
     * @param partitions of the inputs; the repartition topics have as many
     * @param executor runs the calibration, beside the stream threads
     * @param pending records which tasks still have something to calibrate
     * @param listener hears of every posterior as it is made, before it is committed, and of what the threads do
     */
    public static Topology build(
            Connection connection,
            FitterSettings settings,
            InputPartitions partitions,
            Executor executor,
            PendingCalibrations pending,
            FitterListener listener) {
        return build(connection, settings, partitions, executor, pending, listener, Clock.systemUTC());
    }

    /** @param clock says which timestamps are from the future */
    static Topology build(
            Connection connection,
            FitterSettings settings,
            InputPartitions partitions,
            Executor executor,
            PendingCalibrations pending,
            FitterListener listener,
            Clock clock) {
        Properties explicit = new Properties();
        explicit.put(StreamsConfig.APPLICATION_ID_CONFIG, settings.applicationId(connection.topics()));
        explicit.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, connection.bootstrapServers());
        explicit.put(StreamsConfig.ENSURE_EXPLICIT_INTERNAL_RESOURCE_NAMING_CONFIG, true);
        StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(explicit)));
        Topics topics = connection.topics();
        Function<ProcessorContext<?, ?>, RunTable> runs = context -> new RunTable(
                context.getStateStore(StoreNames.RUNS),
                topics,
                connection.deserializer(Run.class),
                PATIENCE_MILLIS,
                Clock.systemUTC());
        PosteriorFactory factory = new PosteriorFactory(settings);

        // Runs are read as bytes and decoded where they are used: an unreadable run then dead-letters its statistics,
        // and does not stop the global table.
        builder.globalTable(
                topics.runs(),
                Consumed.with(Serdes.String(), Serdes.ByteArray()).withName("runs-source"),
                Materialized.<String, byte[]>as(Stores.inMemoryKeyValueStore(StoreNames.RUNS))
                        .withKeySerde(Serdes.String())
                        .withValueSerde(Serdes.ByteArray()));

        Inputs inputs = new Inputs(builder, connection, new CheckedTimestamps(clock));
        KStream<String, FoldResult> folds = inputs.byKey(
                        topics.statistics(),
                        Statistics.class,
                        "statistics",
                        StoreNames.STATISTICS_BY_BLOCK,
                        partitions.statistics())
                .process(
                        supplier(
                                () -> new FoldProcessor(settings, runs, listener),
                                persistent(StoreNames.FACTORS, connection.serde(Factor.class))),
                        Named.as("fold"));
        folds.mapValues(FoldResult::update, Named.as("update"))
                .to(
                        topics.factorUpdates(),
                        Produced.with(Serdes.String(), connection.serde(FactorUpdate.class))
                                .withName("factor-updates-sink"));
        folds.filter((key, fold) -> fold.factor() != null, Named.as("due"))
                .mapValues(FoldResult::factor, Named.as("factor"))
                .to(
                        topics.factors(),
                        Produced.with(Serdes.String(), connection.serde(Factor.class))
                                .withName("factors-sink"));
        KStream<String, QuestionChange> joined =
                join(builder, inputs, topics, settings, runs, partitions.questions(), clock);
        measure(builder, joined, connection, (double) settings.labels().driftExpectedRunLength());

        builder.addStateStore(persistent(StoreNames.POSTERIORS, connection.serde(Posterior.class)));
        builder.addStateStore(persistent(StoreNames.SPECTRA, connection.serde(FactorUpdate.class)));
        KStream<String, Posterior> made = folds.filter((key, fold) -> fold.withSpectrum(), Named.as("with-spectrum"))
                .map(
                        (key, fold) -> KeyValue.pair(PosteriorProcessor.key(fold.update()), fold.update()),
                        Named.as("by-checkpoint"))
                .repartition(Repartitioned.with(Serdes.String(), connection.serde(FactorUpdate.class))
                        .withName(StoreNames.SPECTRA_BY_FIT)
                        .withNumberOfPartitions(partitions.statistics()))
                .process(
                        () -> new PosteriorProcessor(
                                factory, runs, settings.streaming().commitInterval(), listener),
                        Named.as("posterior"),
                        StoreNames.POSTERIORS,
                        StoreNames.SPECTRA);
        KStream<String, CalibrationInput> labelled = of(QuestionChange.OfAnswer.class, joined, "tuning-answer")
                .repartition(Repartitioned.with(Serdes.String(), QuestionChange.OfAnswer.SERDE)
                        .withName(StoreNames.LABELLED_ANSWERS_BY_FIT)
                        .withNumberOfPartitions(partitions.statistics()))
                .mapValues(answer -> (CalibrationInput) answer, Named.as("labelled"));
        KStream<String, CalibrationInput> changes = made.mapValues(
                        posterior -> (CalibrationInput) new CalibrationInput.OfPosterior(posterior), Named.as("made"))
                .merge(labelled, Named.as("to-be-tuned"));
        List<String> stores = new ArrayList<>(List.of(StoreNames.POSTERIORS, StoreNames.SPECTRA));
        if (settings.prior().objective() == PriorObjective.VALIDATION) {
            builder.addStateStore(persistent(StoreNames.PREDICTIVE, connection.serde(PredictiveStatistics.class)));
            stores.add(StoreNames.PREDICTIVE);
            changes = changes.merge(
                    predictive(inputs, connection, settings, partitions.statistics()), Named.as("with-predictive"));
        }
        LabelCalibration calibration = new LabelCalibration(settings.prior().objective(), factory);
        KStream<String, Posterior> calibrated = changes.process(
                supplier(
                        () -> new LabelCalibrationProcessor(
                                settings.prior().objective(), calibration, executor, pending, listener),
                        persistent(StoreNames.BASES, connection.serde(Posterior.class)),
                        persistent(StoreNames.LABELLED_ANSWERS, CalibrationAnswer.SERDE)),
                Named.as("tune"),
                stores.toArray(String[]::new));
        made.merge(calibrated, Named.as("posteriors"))
                .to(
                        topics.posteriors(),
                        Produced.with(Serdes.String(), connection.serde(Posterior.class))
                                .withName("posteriors-sink"));
        return builder.build(explicit);
    }

    /** What labels choose the prior on; read only where they do, as the topic is large. */
    private static KStream<String, CalibrationInput> predictive(
            Inputs inputs, Connection connection, FitterSettings settings, int partitions) {
        Serde<PredictiveStatistics> serde = connection.serde(PredictiveStatistics.class);
        return inputs.anyhow(connection.topics().predictiveStatistics(), PredictiveStatistics.class, "predictive")
                .process(() -> new PredictiveProcessor(settings), Named.as("predictive-by-fit"))
                .repartition(Repartitioned.with(Serdes.String(), serde)
                        .withName(StoreNames.PREDICTIVE_BY_FIT)
                        .withNumberOfPartitions(partitions))
                .mapValues(each -> (CalibrationInput) new CalibrationInput.OfPredictive(each), Named.as("predictive"));
    }

    /** Joins answers with labels, whichever comes first. */
    private static KStream<String, QuestionChange> join(
            StreamsBuilder builder,
            Inputs inputs,
            Topics topics,
            FitterSettings settings,
            Function<ProcessorContext<?, ?>, RunTable> runs,
            int partitions,
            Clock clock) {
        builder.addStateStore(persistent(StoreNames.QUESTIONS, QuestionState.SERDE));
        KStream<String, QuestionChange> ofAnswers = inputs.byKey(
                        topics.answers(), Answer.class, "answers", StoreNames.ANSWERS_BY_QUESTION, partitions)
                .process(
                        () -> new AnswersProcessor(settings, runs, clock),
                        Named.as("join-answer"),
                        StoreNames.QUESTIONS);
        KStream<String, QuestionChange> ofLabels = inputs.byKey(
                        topics.labels(), Label.class, "labels", StoreNames.LABELS_BY_QUESTION, partitions)
                .process(() -> new LabelsProcessor(settings, runs), Named.as("join-label"), StoreNames.QUESTIONS);
        return ofAnswers.merge(ofLabels, Named.as("joined"));
    }

    /** Counts the joined answers and labels for topic calibration. */
    private static void measure(
            StreamsBuilder builder,
            KStream<String, QuestionChange> joined,
            Connection connection,
            double expectedRunLength) {
        builder.addStateStore(persistent(StoreNames.COUNTED, Serdes.Long()));
        of(QuestionChange.OfCounts.class, joined, "tally")
                .repartition(Repartitioned.with(Serdes.String(), QuestionChange.OfCounts.SERDE)
                        .withName(StoreNames.COUNTS))
                .processValues(CountedOnce::new, Named.as("counted-once"), StoreNames.COUNTED)
                .groupByKey(Grouped.with(Serdes.String(), QuestionChange.OfCounts.SERDE))
                .aggregate(
                        () -> CalibrationState.NONE,
                        (key, change, state) -> {
                            CalibrationState after = state.after(change, expectedRunLength);
                            AlarmLog.compare(key, state, after);
                            return after;
                        },
                        Named.as("calibration"),
                        Materialized.<String, CalibrationState>as(
                                        Stores.persistentKeyValueStore(StoreNames.CALIBRATION))
                                .withKeySerde(Serdes.String())
                                .withValueSerde(CalibrationState.SERDE)
                                .withCachingEnabled()
                                .withLoggingEnabled(Map.of()))
                .toStream(Named.as("counted"))
                .mapValues(
                        (key, state) ->
                                state == null ? null : CalibrationFactory.metrics(key, state, expectedRunLength),
                        Named.as("figures"))
                .to(
                        connection.topics().calibration(),
                        Produced.with(Serdes.String(), connection.serde(CalibrationMetrics.class))
                                .withName("calibration-sink"));
    }

    private static <J extends QuestionChange> KStream<String, J> of(
            Class<J> kind, KStream<String, QuestionChange> all, String name) {
        return all.filter((key, change) -> kind.isInstance(change), Named.as("is-" + name))
                .mapValues(kind::cast, Named.as(name));
    }

    private static <V> StoreBuilder<KeyValueStore<String, V>> persistent(String name, Serde<V> serde) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), serde)
                .withCachingEnabled()
                .withLoggingEnabled(Map.of());
    }

    private static <I, O> ProcessorSupplier<String, I, String, O> supplier(
            java.util.function.Supplier<Processor<String, I, String, O>> processor, StoreBuilder<?>... stores) {
        return new ProcessorSupplier<>() {
            @Override
            public Processor<String, I, String, O> get() {
                return processor.get();
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return new LinkedHashSet<>(List.of(stores)); // an order, so that descriptions are equal
            }
        };
    }
}
