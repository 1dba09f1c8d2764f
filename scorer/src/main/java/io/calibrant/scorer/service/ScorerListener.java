package io.calibrant.scorer.service;

import io.calibrant.schemas.avro.Posterior;

/** Told how the scorer is doing; called by all of its threads. */
public interface ScorerListener {
    /** Nothing can be served for now; no question is taken meanwhile. Called once for each reason. */
    void waiting(String reason);

    /** From the next poll on, answers come from this posterior; the one before it of its run and fit is freed. */
    void serving(Posterior posterior);

    /** One poll is committed. */
    void committed(Committed poll);

    /**
     * Predictive statistics of a validation question go out with its answer.
     *
     * @param bytes of the record
     */
    void measured(String run, int bytes);

    /**
     * What came of a poll.
     *
     * @param answered answers in it
     * @param rejected questions in it that went to the dead-letter topic
     * @param tokens that were computed, padding included
     * @param padding of these
     */
    record Committed(int answered, int rejected, long tokens, long padding) {}

    /** Says nothing. */
    ScorerListener SILENT = new ScorerListener() {
        @Override
        public void waiting(String reason) {
            // silent
        }

        @Override
        public void serving(Posterior posterior) {
            // silent
        }

        @Override
        public void committed(Committed poll) {
            // silent
        }

        @Override
        public void measured(String run, int bytes) {
            // silent
        }
    };
}
