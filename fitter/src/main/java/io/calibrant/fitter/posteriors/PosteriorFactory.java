package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.calibration.LabelFree;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Shard;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.avro.PriorStructure;
import io.calibrant.schemas.avro.Run;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** The posterior of a checkpoint from the spectra of all its blocks (method.md section 5a). */
public final class PosteriorFactory {
    private final FitterSettings settings;

    public PosteriorFactory(FitterSettings settings) {
        this.settings = settings;
    }

    /**
     * The posterior where the evidence is largest. While the pass is not complete, F and the log-likelihood of what has
     * come are extrapolated to the run's N training questions (method.md section 3).
     *
     * @param updates the latest of every block, in the run's order
     * @param inputs the latest of every input, in the run's order; none where the run has none
     * @throws RuntimeException if they make none that can serve
     */
    public Posterior posterior(Run run, List<FactorUpdate> updates, List<FactorUpdate> inputs, long version) {
        boolean complete = isComplete(updates);
        List<BlockSpectrum> spectra = new ArrayList<>();
        double kept = 0;
        double traces = 0;
        long parameters = 0;
        long batches = Long.MAX_VALUE;
        Instant latest = Instant.EPOCH;
        SortedSet<String> waitsFor = new TreeSet<>(Comparator.comparing(Shard::parse));
        for (FactorUpdate update : updates) {
            Spectrum large = new Spectrum(doubles(update.getSpectrum()), update.getDimension(), update.getTrace());
            BlockSpectrum block = spectrum(update);
            spectra.add(block.times(share(run, update, complete)));
            kept += Math.min(large.sum(), large.trace());
            traces += large.trace();
            parameters += block.parameters();
            waitsFor.addAll(update.getWaitsFor());
            batches = Math.min(batches, update.getBatches());
            latest = latest.isBefore(update.getTimestamp()) ? update.getTimestamp() : latest;
        }
        FactorUpdate first = updates.get(0);
        double logLikelihood = first.getLogLikelihood() * share(run, first, complete);
        Evidence.Optimum optimum =
                new Evidence(spectra, logLikelihood).maximise(settings.prior().structure());
        List<BlockPrecision> precisions = new ArrayList<>();
        for (int i = 0; i < updates.size(); i++) {
            precisions.add(new BlockPrecision(
                    updates.get(i).getBlock(),
                    optimum.lambdas()[i],
                    updates.get(i).getBatches()));
        }
        Posterior.Builder posterior = Posterior.newBuilder()
                .setRunId(first.getRunId())
                .setCheckpoint(first.getCheckpoint())
                .setFit(first.getFit())
                .setVersion(version)
                .setState(
                        complete && isComplete(inputs)
                                ? PosteriorState.COMPLETE
                                : ended(updates) && ended(inputs) ? PosteriorState.PARTIAL : PosteriorState.LIVE)
                .setBatches(batches)
                .setBatchesExpected(first.getBatchesExpected())
                .setWaitsFor(List.copyOf(waitsFor))
                .setPrior(PriorStructure.valueOf(settings.prior().structure().name()))
                .setPriorMean(settings.prior().mean())
                .setResidual(settings.prior().residual())
                .setBlocks(precisions)
                .setLogEvidence(optimum.logEvidence())
                .setLogLikelihood(logLikelihood)
                .setEffectiveParameters(optimum.effectiveParameters())
                .setParameters(parameters)
                .setCapturedEnergy(traces > 0 ? kept / traces : 1)
                .setFamiliarity(FamiliarityFactory.of(inputs, version))
                .setTimestamp(latest);
        LabelFree labelFree = new LabelFree(PosteriorMembers.labelFreeScale(updates), null);
        return usable(PosteriorMembers.withoutLabels(posterior, labelFree, 0).build());
    }

    private static boolean isComplete(List<FactorUpdate> updates) {
        return updates.stream()
                .allMatch(u -> u.getBatchesExpected() != null && u.getBatches() == u.getBatchesExpected());
    }

    /**
     * The posterior itself, of which a scorer can make answers.
     *
     * @throws ArithmeticException naming a number that is not finite, or not positive where it must be
     */
    static Posterior usable(Posterior posterior) {
        for (BlockPrecision block : posterior.getBlocks()) {
            positive("the prior precision of block " + block.getBlock(), block.getLambda());
        }
        positive("temperature", posterior.getTemperature());
        positive("varianceTemperature", posterior.getVarianceTemperature());
        positive("varianceScale", posterior.getVarianceScale());
        for (Double each : new Double[] {
            posterior.getLogEvidence(),
            posterior.getLogLikelihood(),
            posterior.getEffectiveParameters(),
            posterior.getCapturedEnergy(),
            posterior.getTemperatureNll(),
            posterior.getVarianceNll(),
            posterior.getValidationNll(),
            posterior.getLabelFreeScale(),
            posterior.getLogitVariance()
        }) {
            if (each != null && !Double.isFinite(each)) {
                throw new ArithmeticException("a figure of the posterior is " + each);
            }
        }
        return posterior;
    }

    private static void positive(String what, Double value) {
        if (value != null && !(value > 0 && Double.isFinite(value))) {
            throw new ArithmeticException(what + " is " + value);
        }
    }

    /** The spectra of a complete pass, without the share that a partial one is scaled by. */
    List<BlockSpectrum> spectra(List<FactorUpdate> updates) {
        return updates.stream().map(this::spectrum).toList();
    }

    /** The maximum of the evidence of a complete pass. */
    Evidence.Optimum evidence(List<FactorUpdate> updates) {
        return of(updates).maximise(settings.prior().structure());
    }

    /** A complete posterior with other prior precisions, and its evidence there. */
    Posterior with(double[] lambdas, Posterior complete, List<FactorUpdate> updates) {
        Evidence evidence = of(updates);
        List<BlockPrecision> precisions = new ArrayList<>();
        for (int i = 0; i < lambdas.length; i++) {
            BlockPrecision block = complete.getBlocks().get(i);
            precisions.add(new BlockPrecision(block.getBlock(), lambdas[i], block.getBatches()));
        }
        return Posterior.newBuilder(complete)
                .setBlocks(precisions)
                .setLogEvidence(evidence.at(lambdas))
                .setEffectiveParameters(evidence.effectiveParameters(lambdas))
                .setObjective(PriorObjective.EVIDENCE)
                .setValidationNll(null)
                .build();
    }

    private Evidence of(List<FactorUpdate> updates) {
        return new Evidence(spectra(updates), updates.get(0).getLogLikelihood());
    }

    private BlockSpectrum spectrum(FactorUpdate update) {
        return BlockSpectrum.of(
                update.getBlock(),
                new Spectrum(doubles(update.getSpectrum()), update.getDimension(), update.getTrace()),
                settings.prior().residual(),
                doubles(update.getSmallSpectrum()),
                update.getN(),
                settings.prior().mean() == PriorMean.INITIAL ? update.getSquaredDistance() : update.getSquaredNorm());
    }

    /** Whether every block has all the batches of the pass that this fit takes. */
    private boolean ended(List<FactorUpdate> updates) {
        return updates.stream().allMatch(update -> hasAll(update, update.getBatches()));
    }

    /** Whether a block has all the batches of the pass that this fit takes, once it has so many. */
    public boolean hasAll(FactorUpdate of, long batches) {
        Long selected = settings.selection()
                .batches(Keys.block(of.getRunId(), of.getCheckpoint(), of.getBlock()), of.getBatchesExpected());
        return selected != null && batches >= selected;
    }

    private static double share(Run run, FactorUpdate update, boolean complete) {
        return complete || run.getTrainingQuestions() < 1 ? 1 : run.getTrainingQuestions() / update.getExamples();
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }
}
