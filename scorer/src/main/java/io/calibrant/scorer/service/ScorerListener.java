package io.calibrant.scorer.service;

import io.calibrant.scorer.serving.ServingListener;

/** Told how the scorer is doing; called by all of its threads. */
public interface ScorerListener extends ServingListener {
    /** One poll is committed. */
    default void committed(Committed poll) {
        // nobody needs to listen
    }

    /**
     * Predictive statistics of a validation question go out with its answer.
     *
     * @param bytes of the record
     */
    default void measured(String run, int bytes) {
        // nobody needs to listen
    }

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
    ScorerListener SILENT = new ScorerListener() {};
}
