package io.calibrant.scorer.service;

import io.calibrant.scorer.serving.ServingListener;

/** Called by all threads of the scorer. */
public interface ScorerListener extends ServingListener {
    /** A broker or a registry does not answer; it is asked again. Called once for each outage. */
    default void unavailable(String problem) {
        // nobody needs to listen
    }

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
     * Counts of one poll.
     *
     * @param answered answers in it
     * @param rejected questions in it that went to the dead-letter topic
     * @param tokens that were computed, padding included
     * @param padding how many of these are padding
     */
    record Committed(int answered, int rejected, long tokens, long padding) {}

    /** Does nothing. */
    ScorerListener SILENT = new ScorerListener() {};
}
