package io.calibrant.fitter.topology;

import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.avro.Posterior;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Hears what the stream threads do, as they do it. What is heard may be undone and done again, if its transaction is
 * not committed. Called by several threads.
 */
@FunctionalInterface
public interface FitterListener extends Consumer<Posterior> {
    /** What takes the time of a fitter. */
    enum Stage {
        /** A record of statistics is checked, folded and stored. */
        FOLD,
        /** The prior precision of a posterior is chosen. */
        POSTERIOR,
        /** A posterior is calibrated on its labels. */
        CALIBRATION;

        /** As metrics write it. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A posterior is made. */
    @Override
    void accept(Posterior posterior);

    /** A record of statistics is looked at, whether it is folded or not. */
    default void read() {
        // nobody needs to listen
    }

    /**
     * A record of statistics is folded, for the first time.
     *
     * @param rows that its large side has gained
     */
    default void folded(String run, int rows) {
        // nobody needs to listen
    }

    /** A stage has taken so long. */
    default void took(Stage stage, long nanos) {
        // nobody needs to listen
    }

    /**
     * A record becomes a dead letter.
     *
     * @param topic that it came on
     */
    default void deadLetter(String topic, DeadLetterReason reason) {
        // nobody needs to listen
    }

    /** Both hear everything, this one first. */
    default FitterListener and(FitterListener other) {
        FitterListener first = this;
        return new FitterListener() {
            @Override
            public void accept(Posterior posterior) {
                first.accept(posterior);
                other.accept(posterior);
            }

            @Override
            public void read() {
                first.read();
                other.read();
            }

            @Override
            public void folded(String run, int rows) {
                first.folded(run, rows);
                other.folded(run, rows);
            }

            @Override
            public void took(Stage stage, long nanos) {
                first.took(stage, nanos);
                other.took(stage, nanos);
            }

            @Override
            public void deadLetter(String topic, DeadLetterReason reason) {
                first.deadLetter(topic, reason);
                other.deadLetter(topic, reason);
            }
        };
    }
}
