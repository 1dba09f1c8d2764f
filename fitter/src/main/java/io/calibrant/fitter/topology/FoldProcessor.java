package io.calibrant.fitter.topology;

import io.calibrant.fitter.folding.FoldResult;
import io.calibrant.fitter.folding.FoldResults;
import io.calibrant.fitter.folding.FoldedBatches;
import io.calibrant.fitter.folding.MissingShards;
import io.calibrant.fitter.folding.RunBlocks;
import io.calibrant.fitter.folding.StatisticsParser;
import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Statistics;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Folds each statistic into the factors of its block, once; a bad one changes nothing and is thrown back. Where several
 * blocks read one input, its large side is folded once and kept in the state of the first of them.
 */
final class FoldProcessor implements Processor<String, Statistics, String, FoldResult> {
    /** Factors go out every so many batches, and at the end of the pass. */
    static final int DUE_EVERY = 32;

    private final FitterSettings settings;
    private final Function<ProcessorContext<?, ?>, RunTable> runTables;
    private ProcessorContext<String, FoldResult> context;
    private KeyValueStore<String, Factor> factors;
    private RunTable runs;
    private PromptCommits commits;

    FoldProcessor(FitterSettings settings, Function<ProcessorContext<?, ?>, RunTable> runTables) {
        this.settings = settings;
        this.runTables = runTables;
    }

    @Override
    public void init(ProcessorContext<String, FoldResult> context) {
        this.context = context;
        factors = context.getStateStore(StoreNames.FACTORS);
        runs = runTables.apply(context);
        commits = new PromptCommits(context, settings.commitInterval(), Clock.systemUTC());
    }

    @Override
    public void process(Record<String, Statistics> record) {
        Statistics value = record.value();
        if (value != null && !settings.selection().has(value, record.timestamp())) {
            return;
        }
        StatisticsParser.self(record.key(), value);
        StatisticsParser.priorMean(value, settings.priorMean());
        RunBlocks run = runs.find(value.getRunId(), record.timestamp());
        if (run == null) {
            throw StatisticsParser.unusable(value, "the run is unknown: topic runs does not have it");
        }
        List<Block> blocks = StatisticsParser.blocks(value, run);
        Integer rank = settings.selection().rankOf(run.run());
        BatchSums sums = StatisticsParser.sums(value, blocks.get(0), rank, settings.compression());
        List<double[]> smalls = new ArrayList<>();
        for (int i = 1; i < blocks.size(); i++) {
            smalls.add(StatisticsParser.small(value, value.getShared().get(i - 1), blocks.get(i)));
        }

        Factor state = factors.get(key(value, value.getBlock()));
        if (state != null && state.getCompression() != FoldResults.compression(settings)) {
            throw new IllegalStateException("fit '" + settings.fit() + "' was made with --compression "
                    + state.getCompression() + ", not " + settings.compression() + ": take another --fit");
        }
        StatisticsParser.oneWay(value, state, block -> factors.get(key(value, block)) != null);
        FoldedBatches folded = state == null
                ? new FoldedBatches(0, List.of())
                : new FoldedBatches(state.getFoldedBelow(), state.getFoldedBeyond());
        int there = folded.count(value.getBatch(), value.getBatches(), value.getStride());
        if (there == value.getBatches()) {
            return; // each batch counts once, however often it is sent
        }
        if (there > 0) {
            throw StatisticsParser.unusable(
                    value, there + " of its " + value.getBatches() + " batches are folded already, the others are not");
        }
        KroneckerFactor before = state == null
                ? KroneckerFactor.empty(
                        StatisticsParser.large(blocks.get(0)),
                        StatisticsParser.small(blocks.get(0)),
                        rank,
                        settings.compression())
                : FactorRecords.factor(state, rank);
        if (state != null) {
            StatisticsParser.continues(value, state, before, blocks);
        }
        KroneckerFactor factor;
        try {
            factor = before.fold(sums, value.getForgetting());
        } catch (ArithmeticException e) {
            throw StatisticsParser.notFolded(value, e);
        }
        Factor next = FoldResults.state(settings, value, state, factor, smalls, record.timestamp());
        FoldedBatches now = folded.plus(value.getBatch(), value.getBatches(), value.getStride());
        next.setFoldedBelow(now.below());
        next.setFoldedBeyond(now.beyond());
        List<FoldResult> folds = FoldResults.folds(value, next, factor, due(state, next));
        List<String> waitsFor = settings.selection()
                .awaited(MissingShards.of(value, now, next.getBatchesExpected()), next.getBatchesExpected());
        folds.forEach(fold -> fold.update().setWaitsFor(waitsFor));
        factors.put(key(value, value.getBlock()), next);
        commits.processed(record.timestamp());
        for (FoldResult fold : folds) {
            String key = key(value, fold.update().getBlock());
            context.forward(new Record<>(key, fold, record.timestamp(), new RecordHeaders()));
        }
    }

    private String key(Statistics value, String block) {
        return Keys.blockFit(value.getRunId(), value.getCheckpoint(), block, settings.fit());
    }

    private boolean due(Factor state, Factor next) {
        long before = state == null ? 0 : state.getBatches();
        return next.getBatches() / DUE_EVERY > before / DUE_EVERY
                || Objects.equals(
                        next.getBatches(),
                        settings.selection()
                                .batches(
                                        Keys.block(next.getRunId(), next.getCheckpoint(), next.getBlock()),
                                        next.getBatchesExpected()));
    }
}
