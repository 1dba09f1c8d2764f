package io.calibrant.fitter.folding;

import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorCompression;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.schemas.registry.BadRecordException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a fold leaves: the state that is kept, of one large side and the small side of every block that reads it, and
 * what is published of each of these blocks.
 *
 * @param state the whole state, under the first of its blocks
 * @param blocks one result for each block
 * @param heldOutFolded whether the statistics that waited for the end of the pass are in it now, see {@link HeldOut}
 */
public record FoldResults(Factor state, List<FoldResult> blocks, boolean heldOutFolded) {
    /** Above this dimension the eigenvalues of a full sum are taken only when the factors go out. */
    private static final int CHEAP_SPECTRUM = 128;

    /** No sum of a fit is larger: the evidence multiplies two of them. */
    private static final double MOST = 1e100;

    /** What a state takes at most beside its tensors: names, numbers, and the batches that are ahead. */
    private static final int FRAME = 256 << 10;

    /** What Kafka and the wire format add to key and value of a record, and a little more. */
    private static final int ENVELOPE = 256;

    /**
     * The state after a fold.
     *
     * @param before the state that was there; null for none
     * @param factor the factor of the contribution's own block after the fold
     * @param folded the batches that it holds now
     * @param timestamp of the contribution, milliseconds
     */
    static Factor state(
            FitterSettings settings,
            Contribution contribution,
            Factor before,
            KroneckerFactor factor,
            FoldedBatches folded,
            long timestamp) {
        Statistics value = contribution.statistics();
        int r = factor.smallDimension();
        Instant time = Instant.ofEpochMilli(timestamp);
        return Factor.newBuilder()
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
                .setDelta(factor.large().delta())
                .setCompression(compression(settings))
                .setLogLikelihood(factor.logLikelihood())
                .setSquaredNorm(value.getSquaredNorm())
                .setSquaredDistance(value.getSquaredDistance())
                .setBatches(value.getBatches() + (before == null ? 0 : before.getBatches()))
                .setBatchesExpected(
                        value.getBatchesExpected() == null && before != null
                                ? before.getBatchesExpected()
                                : value.getBatchesExpected())
                .setShared(shared(value, before, contribution.smalls()))
                .setFoldedBelow(folded.below())
                .setFoldedSequences(folded.beyond())
                .setTimestamp(before != null && before.getTimestamp().isAfter(time) ? before.getTimestamp() : time)
                .build();
    }

    /** The fit's compression as records name it. */
    static FactorCompression compression(FitterSettings settings) {
        return FactorCompression.valueOf(settings.compression().name());
    }

    private static List<SharedInput> shared(Statistics value, Factor before, List<double[]> smalls) {
        List<SharedInput> shared = new ArrayList<>();
        for (int i = 0; i < smalls.size(); i++) {
            SharedInput of = value.getShared().get(i);
            int r = of.getSmall().getShape().get(0);
            double[] was = before == null
                    ? new double[r * r]
                    : Tensors.doubles(before.getShared().get(i).getSmall());
            double[] now = KroneckerFactor.addSmall(was, smalls.get(i), value.getForgetting());
            shared.add(new SharedInput(
                    of.getBlock(), Tensors.of(now, r, r), of.getSquaredNorm(), of.getSquaredDistance()));
        }
        return shared;
    }

    /**
     * The results of a fold.
     *
     * @param state after it
     * @param factor the factor of the contribution's own block after it
     * @param due whether the factors themselves are published
     * @param waitsFor the shards that still have batches to send
     * @param limit what the topics of the fit take of one record, bytes
     * @throws BadRecordException if the state is no longer finite, or its small side no longer a sum of outer products
     */
    static FoldResults of(
            Contribution contribution,
            Factor state,
            KroneckerFactor factor,
            boolean due,
            List<String> waitsFor,
            int limit) {
        long bytes = bytes(state, limit);
        if (bytes > limit) {
            throw contribution.refused("the factors of its blocks take " + bytes + " bytes, more than the " + limit
                    + " that the topics of the fit take of a record (max.message.bytes): train with a smaller --rank");
        }
        boolean withSpectrum =
                due || !(factor.large() instanceof FullSum) || factor.large().dimension() <= CHEAP_SPECTRUM;
        try {
            Spectrum spectrum = withSpectrum
                    ? factor.large().spectrum()
                    : new Spectrum(
                            new double[0],
                            factor.large().dimension(),
                            factor.large().trace());
            List<FoldResult> results = new ArrayList<>();
            for (Factor each : ofEveryBlock(state)) {
                int r = each.getSmall().getShape().get(0);
                double[] small = KroneckerFactor.smallSpectrum(Tensors.doubles(each.getSmall()), r);
                // Products of a few of them, times the number of training questions, are finite as well.
                if (!isWithinBounds(spectrum.sum(), spectrum.trace(), state.getDelta(), factor.n(), small[0])
                        || !isWithinBounds(factor.examples(), factor.logLikelihood())) {
                    throw contribution.refused("it would make the factors overflow");
                }
                FactorUpdate update = update(each, spectrum, withSpectrum, small);
                update.setWaitsFor(waitsFor);
                results.add(new FoldResult(update, withSpectrum, due ? each : null));
            }
            return new FoldResults(state, results, false);
        } catch (ArithmeticException e) {
            throw contribution.refused("it would make the factors unusable: " + e.getMessage());
        }
    }

    /** The same, with the statistics in it that waited for the end of the pass. */
    FoldResults ended() {
        return new FoldResults(state, blocks, true);
    }

    /** Size of the record of a state; exact only where a limit is so near that it matters. */
    private static long bytes(Factor state, int limit) {
        long tensors = state.getLarge().getData().remaining() + smallBytes(state);
        if (FRAME + tensors <= limit || tensors > limit) {
            return FRAME + tensors;
        }
        String key = Keys.blockFit(state.getRunId(), state.getCheckpoint(), state.getBlock(), state.getFit());
        try {
            return (long) ENVELOPE
                    + key.getBytes(StandardCharsets.UTF_8).length
                    + Factor.getEncoder().encode(state).remaining();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // in memory
        }
    }

    private static long smallBytes(Factor state) {
        return state.getSmall().getData().remaining()
                + state.getShared().stream()
                        .mapToLong(shared -> shared.getSmall().getData().remaining())
                        .sum();
    }

    private static boolean isWithinBounds(double... values) {
        return Arrays.stream(values).allMatch(value -> Math.abs(value) <= MOST);
    }

    /** The whole factors of every block of a state. */
    private static List<Factor> ofEveryBlock(Factor state) {
        if (state.getShared().isEmpty()) {
            return List.of(state);
        }
        List<Factor> blocks = new ArrayList<>();
        blocks.add(of(state, state.getBlock(), state.getSmall(), state.getSquaredNorm(), state.getSquaredDistance()));
        for (SharedInput shared : state.getShared()) {
            blocks.add(of(
                    state, shared.getBlock(), shared.getSmall(), shared.getSquaredNorm(), shared.getSquaredDistance()));
        }
        return blocks;
    }

    /** Another block's factors with the same large side, which is not copied. */
    private static Factor of(Factor state, String block, Tensor small, double squaredNorm, Double squaredDistance) {
        return new Factor(
                state.getRunId(),
                state.getCheckpoint(),
                block,
                state.getFit(),
                state.getLarge(),
                state.getForm(),
                small,
                state.getN(),
                state.getExamples(),
                state.getTrace(),
                state.getDelta(),
                state.getLogLikelihood(),
                squaredNorm,
                squaredDistance,
                state.getBatches(),
                state.getBatchesExpected(),
                state.getFoldedBelow(),
                state.getFoldedBeyond(),
                state.getTimestamp(),
                state.getCompression(),
                List.of(),
                state.getFoldedSequences());
    }

    private static FactorUpdate update(Factor of, Spectrum spectrum, boolean withSpectrum, double[] small) {
        return FactorUpdate.newBuilder()
                .setRunId(of.getRunId())
                .setCheckpoint(of.getCheckpoint())
                .setBlock(of.getBlock())
                .setFit(of.getFit())
                .setBatches(of.getBatches())
                .setBatchesExpected(of.getBatchesExpected())
                .setDimension(spectrum.dimension())
                .setSpectrum(withSpectrum ? list(spectrum.values()) : List.of())
                .setSmallSpectrum(list(small))
                .setTrace(spectrum.trace())
                .setCapturedEnergy(withSpectrum ? spectrum.capturedEnergy() : 1)
                .setDelta(of.getDelta())
                .setN(of.getN())
                .setExamples(of.getExamples())
                .setLogLikelihood(of.getLogLikelihood())
                .setSquaredNorm(of.getSquaredNorm())
                .setSquaredDistance(of.getSquaredDistance())
                .setParameters(spectrum.dimension() * small.length)
                .setTimestamp(of.getTimestamp())
                .build();
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
