package io.calibrant.scorer.serving;

import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.avro.Posterior;

/** Called by the thread of the {@link ModelKeeper} when what is served changes. */
public interface ServingListener {
    /** Nothing can be served for now; no question is taken meanwhile. Called once for each reason. */
    default void waiting(String reason) {
        // nobody needs to listen
    }

    /**
     * A record that was to be served becomes a dead letter.
     *
     * @param topic that it is on
     */
    default void deadLetter(String topic, DeadLetterReason reason) {
        // nobody needs to listen
    }

    /** From the next poll on, answers come from this posterior; the one before it of its run and fit is freed. */
    default void serving(Posterior posterior) {
        // nobody needs to listen
    }
}
