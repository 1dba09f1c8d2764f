package io.calibrant.fitter.topology;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Statistics;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Folds each statistic into the factors of its block, once; a bad one changes nothing and is thrown back. */
final class FoldProcessor implements Processor<String, Statistics, String, Fold> {
    /** Factors go out every so many batches, and at the end of the pass. */
    static final int DUE_EVERY = 32;

    /** Above this dimension the eigenvalues of a full sum are taken only when the factors go out. */
    private static final int CHEAP_SPECTRUM = 128;

    private final FitterSettings settings;
    private final Function<ProcessorContext<?, ?>, RunTable> runTables;
    private ProcessorContext<String, Fold> context;
    private KeyValueStore<String, Factor> factors;
    private RunTable runs;

    FoldProcessor(FitterSettings settings, Function<ProcessorContext<?, ?>, RunTable> runTables) {
        this.settings = settings;
        this.runTables = runTables;
    }

    @Override
    public void init(ProcessorContext<String, Fold> context) {
        this.context = context;
        factors = context.getStateStore(FitterTopology.FACTORS_STORE);
        runs = runTables.apply(context);
    }

    @Override
    public void process(Record<String, Statistics> record) {
        Statistics value = record.value();
        StatisticsCheck.self(record.key(), value);
        StatisticsCheck.priorMean(value, settings.priorMean());
        RunTable.View run = runs.find(value.getRunId(), record.timestamp());
        if (run == null) {
            throw StatisticsCheck.unusable(value, "the run is unknown: topic runs does not have it");
        }
        Block block = run.blocks().get(value.getBlock());
        if (block == null) {
            throw StatisticsCheck.unusable(value, "the run has no such block");
        }
        Integer rank = run.run().getRank();
        BatchSums sums = StatisticsCheck.sums(value, block, rank);

        String key = Keys.blockFit(value.getRunId(), value.getCheckpoint(), value.getBlock(), settings.fit());
        Factor state = factors.get(key);
        FoldedBatches folded = state == null
                ? new FoldedBatches(0, List.of())
                : new FoldedBatches(state.getFoldedBelow(), state.getFoldedBeyond());
        if (folded.contains(value.getBatch())) {
            return; // each batch counts once, however often it is sent
        }
        KroneckerFactor before = state == null
                ? KroneckerFactor.empty(StatisticsCheck.large(block), StatisticsCheck.small(block), rank)
                : FactorRecords.factor(state, rank);
        if (state != null) {
            StatisticsCheck.continues(value, state, before, block);
        }
        KroneckerFactor factor = before.fold(sums, 1);
        Factor next = next(value, state, folded.plus(value.getBatch()), factor, record.timestamp());
        Fold fold = fold(value, next, factor);
        factors.put(key, next);
        context.forward(new Record<>(key, fold, record.timestamp(), new RecordHeaders()));
    }

    private Factor next(Statistics value, Factor state, FoldedBatches folded, KroneckerFactor factor, long timestamp) {
        int r = factor.smallDimension();
        Factor next = Factor.newBuilder()
                .setRunId(value.getRunId())
                .setCheckpoint(value.getCheckpoint())
                .setBlock(value.getBlock())
                .setFit(settings.fit())
                .setForm(factor.large() instanceof FullSum ? FactorForm.FULL : FactorForm.COLUMNS)
                .setLarge(FactorRecords.large(factor.large()))
                .setSmall(Tensors.of(factor.small(), r, r))
                .setN(factor.n())
                .setExamples(factor.examples())
                .setTrace(factor.large().trace())
                .setLogLikelihood(factor.logLikelihood())
                .setSquaredNorm(value.getSquaredNorm())
                .setSquaredDistance(value.getSquaredDistance())
                .setBatches(1 + (state == null ? 0 : state.getBatches()))
                .setBatchesExpected(
                        value.getBatchesExpected() == null && state != null
                                ? state.getBatchesExpected()
                                : value.getBatchesExpected())
                .setFoldedBelow(folded.below())
                .setFoldedBeyond(folded.beyond())
                .setTimestamp(java.time.Instant.ofEpochMilli(timestamp))
                .build();
        if (state != null && state.getTimestamp().isAfter(next.getTimestamp())) {
            next.setTimestamp(state.getTimestamp());
        }
        return next;
    }

    private static Fold fold(Statistics value, Factor next, KroneckerFactor factor) {
        boolean due = next.getBatches() % DUE_EVERY == 0
                || (next.getBatchesExpected() != null && next.getBatches() == next.getBatchesExpected());
        boolean withSpectrum =
                due || !(factor.large() instanceof FullSum) || factor.large().dimension() <= CHEAP_SPECTRUM;
        Spectrum spectrum;
        double[] small;
        try {
            spectrum = withSpectrum
                    ? factor.large().spectrum()
                    : new Spectrum(
                            new double[0],
                            factor.large().dimension(),
                            factor.large().trace());
            small = factor.smallSpectrum();
        } catch (ArithmeticException e) {
            throw StatisticsCheck.unusable(value, "it would make the factors unusable: " + e.getMessage());
        }
        if (!Double.isFinite(spectrum.sum() + spectrum.trace() + factor.n() + factor.logLikelihood() + small[0])) {
            throw StatisticsCheck.unusable(value, "it would make the factors overflow");
        }
        FactorUpdate update = FactorUpdate.newBuilder()
                .setRunId(next.getRunId())
                .setCheckpoint(next.getCheckpoint())
                .setBlock(next.getBlock())
                .setFit(next.getFit())
                .setBatches(next.getBatches())
                .setBatchesExpected(next.getBatchesExpected())
                .setDimension(spectrum.dimension())
                .setSpectrum(withSpectrum ? list(spectrum.values()) : List.of())
                .setSmallSpectrum(list(small))
                .setTrace(spectrum.trace())
                .setCapturedEnergy(withSpectrum ? spectrum.capturedEnergy() : 1)
                .setN(next.getN())
                .setExamples(next.getExamples())
                .setLogLikelihood(next.getLogLikelihood())
                .setSquaredNorm(next.getSquaredNorm())
                .setSquaredDistance(next.getSquaredDistance())
                .setParameters(spectrum.dimension() * small.length)
                .setTimestamp(next.getTimestamp())
                .build();
        return new Fold(update, withSpectrum, due ? next : null);
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
