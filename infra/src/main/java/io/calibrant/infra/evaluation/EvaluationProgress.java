package io.calibrant.infra.evaluation;

import java.time.Duration;

/**
 * The progress of an evaluation.
 *
 * @param stage what is waited for
 * @param answered questions answered so far
 * @param refused questions that went to the dead-letter topic
 * @param total questions sent
 * @param remaining estimate from the pace since the first answer; null before there is one
 */
public record EvaluationProgress(String stage, int answered, int refused, int total, Duration remaining) {
    /** Receives the progress, on the evaluating thread. */
    @FunctionalInterface
    public interface Listener {
        /** Called at most a few times a second. */
        void progress(EvaluationProgress progress);
    }
}
