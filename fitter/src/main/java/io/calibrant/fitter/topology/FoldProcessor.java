package io.calibrant.fitter.topology;

import io.calibrant.fitter.folding.Contribution;
import io.calibrant.fitter.folding.FactorState;
import io.calibrant.fitter.folding.FoldResult;
import io.calibrant.fitter.folding.FoldResults;
import io.calibrant.fitter.folding.HeldOut;
import io.calibrant.fitter.folding.StatisticsParser;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Statistics;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Folds each statistic into the factors of its blocks, once. A bad one changes nothing and throws, which dead-letters
 * it; of an input its batches count all the same, so that no calibration waits for them. Where several blocks read one
 * input, its large side is folded once and kept in the state of the first.
 */
final class FoldProcessor implements Processor<String, Statistics, String, FoldResult> {
    private static final Logger LOG = LoggerFactory.getLogger(FoldProcessor.class);

    /** What the fit's topics take of one record, as the cluster allows. */
    private static final String RECORD_BYTES = StreamsConfig.topicPrefix(TopicConfig.MAX_MESSAGE_BYTES_CONFIG);

    private final FitterSettings settings;
    private final StatisticsParser parser;
    private final Function<ProcessorContext<?, ?>, RunTable> runTables;
    private final FitterListener listener;
    private ProcessorContext<String, FoldResult> context;
    private KeyValueStore<String, Factor> factors;
    private RunTable runs;
    private final MissingBatches missing;
    private PromptCommits commits;
    private int recordBytes = Topics.MAX_RECORD_BYTES;

    FoldProcessor(
            FitterSettings settings, Function<ProcessorContext<?, ?>, RunTable> runTables, FitterListener listener) {
        this.settings = settings;
        this.runTables = runTables;
        this.listener = listener;
        parser = new StatisticsParser(settings);
        missing = new MissingBatches(settings.selection(), LOG::warn);
    }

    @Override
    public void init(ProcessorContext<String, FoldResult> context) {
        this.context = context;
        factors = context.getStateStore(StoreNames.FACTORS);
        Object limit = context.appConfigs().get(RECORD_BYTES);
        if (limit != null) {
            recordBytes = Integer.parseInt(limit.toString());
        }
        runs = runTables.apply(context);
        commits = new PromptCommits(context, settings.streaming().commitInterval(), Clock.systemUTC());
        context.schedule(MissingBatches.LOOK, PunctuationType.WALL_CLOCK_TIME, missing::look);
    }

    @Override
    public void process(Record<String, Statistics> record) {
        listener.read();
        Statistics value = record.value();
        if (value != null && !settings.selection().has(value, record.timestamp())) {
            return;
        }
        long begin = System.nanoTime();
        Contribution contribution = parser.parse(record.key(), value, record.timestamp(), runs::find);
        String key = key(contribution, contribution.block());
        List<KeyValue<String, Factor>> held = new ArrayList<>();
        Optional<FoldResults> folded = new FactorState(settings, factors.get(key), recordBytes)
                .fold(
                        contribution,
                        block -> factors.get(key(contribution, block)) != null,
                        () -> {
                            held.addAll(heldOut(key));
                            return held.stream().map(waiting -> waiting.value).toList();
                        },
                        record.timestamp());
        if (folded.isEmpty()) {
            return;
        }
        if (folded.get().heldOutFolded()) {
            held.forEach(waiting -> factors.delete(waiting.key));
        } else if (contribution.isHeldOut()) {
            factors.put(contribution.waitingKey(key), contribution.waiting(settings.fit()));
        }
        factors.put(key, folded.get().state());
        commits.processed(record.timestamp());
        missing.folded(key, folded.get().state(), context.currentSystemTimeMs());
        listener.took(FitterListener.Stage.FOLD, System.nanoTime() - begin);
        listener.folded(contribution.runId(), contribution.rows());
        for (FoldResult result : folded.get().blocks()) {
            String block = key(contribution, result.update().getBlock());
            context.forward(new Record<>(block, result, record.timestamp(), new RecordHeaders()));
        }
        if (contribution.refusal() != null) {
            throw contribution.refusal(); // a dead letter, of which the batches count
        }
    }

    /** What waits for the end of the pass of an input. */
    private List<KeyValue<String, Factor>> heldOut(String state) {
        List<KeyValue<String, Factor>> waiting = new ArrayList<>();
        try (StringSerializer keys = new StringSerializer();
                KeyValueIterator<String, Factor> all = factors.prefixScan(HeldOut.prefix(state), keys)) {
            all.forEachRemaining(waiting::add);
        }
        return waiting;
    }

    private String key(Contribution of, String block) {
        return Keys.blockFit(of.runId(), of.checkpoint(), block, settings.fit());
    }
}
