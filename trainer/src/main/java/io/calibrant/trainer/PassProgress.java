package io.calibrant.trainer;

import io.calibrant.trainer.curvature.BatchCurvature;

/**
 * How far this shard is with the curvature pass of a checkpoint.
 *
 * @param batches of this shard that are sent
 * @param examples in them
 * @param logLikelihood of them, nats
 */
record PassProgress(long batches, long examples, double logLikelihood) {
    /** Not begun. */
    static final PassProgress NONE = new PassProgress(0, 0, 0);

    PassProgress plus(BatchCurvature batch) {
        return new PassProgress(batches + 1, examples + batch.examples(), logLikelihood + batch.logLikelihood());
    }
}
