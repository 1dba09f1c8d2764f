package io.calibrant.infra.live;

import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import java.util.DoubleSummaryStatistics;

/** The figures of a posterior; the smallest and the largest prior precision are the same unless it is layerwise. */
public record PosteriorPoint(
        long batches,
        long version,
        double lambdaMin,
        double lambdaMax,
        double logEvidence,
        double effectiveParameters,
        double capturedEnergy) {
    /** The figures of a posterior. */
    public static PosteriorPoint of(Posterior posterior) {
        DoubleSummaryStatistics lambdas = posterior.getBlocks().stream()
                .mapToDouble(BlockPrecision::getLambda)
                .summaryStatistics();
        boolean none = lambdas.getCount() == 0;
        return new PosteriorPoint(
                posterior.getBatches(),
                posterior.getVersion(),
                none ? Double.NaN : lambdas.getMin(),
                none ? Double.NaN : lambdas.getMax(),
                posterior.getLogEvidence(),
                posterior.getEffectiveParameters(),
                posterior.getCapturedEnergy());
    }
}
