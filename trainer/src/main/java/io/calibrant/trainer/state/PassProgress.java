package io.calibrant.trainer.state;

import io.calibrant.trainer.curvature.BatchCurvature;

/**
 * How far this shard is with the curvature pass of a checkpoint.
 *
 * @param batches of this shard that are sent
 * @param examples in them
 * @param logLikelihood of them, nats
 */
public record PassProgress(long batches, long examples, double logLikelihood) {
    /** Not begun. */
    public static final PassProgress NONE = new PassProgress(0, 0, 0);

    public PassProgress plus(BatchCurvature batch) {
        return new PassProgress(batches + 1, examples + batch.examples(), logLikelihood + batch.logLikelihood());
    }
}
