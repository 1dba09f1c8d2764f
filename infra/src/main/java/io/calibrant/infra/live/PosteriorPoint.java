package io.calibrant.infra.live;

import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import java.util.DoubleSummaryStatistics;

/**
 * The figures of a posterior; the smallest and the largest prior precision are the same unless it is layerwise.
 *
 * @param time when it was published, milliseconds; 0 where nobody asked
 */
public record PosteriorPoint(
        long batches,
        long version,
        double lambdaMin,
        double lambdaMax,
        double logEvidence,
        double effectiveParameters,
        double capturedEnergy,
        long time) {
    /** The figures of a posterior, whenever it was published. */
    public static PosteriorPoint of(Posterior posterior) {
        return of(posterior, 0);
    }

    /** The figures of a posterior that was published then. */
    static PosteriorPoint of(Posterior posterior, long time) {
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
                posterior.getCapturedEnergy(),
                time);
    }
}
