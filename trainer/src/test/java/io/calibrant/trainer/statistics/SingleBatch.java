package io.calibrant.trainer.statistics;

import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.CurvatureSum;

/** Sums of one batch, for which nothing is forgotten. */
final class SingleBatch {
    private SingleBatch() {}

    static CurvatureSum of(BatchCurvature batch) {
        return new CurvatureSum(batch.blocks(), batch.inputs(), batch.examples(), batch.logLikelihood(), 1, 1);
    }
}
