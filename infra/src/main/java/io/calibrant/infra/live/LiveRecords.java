package io.calibrant.infra.live;

import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;

/** Told of every record that comes; times are the records' own, milliseconds. By itself it does nothing. */
public interface LiveRecords {
    /**
     * A run.
     *
     * @param run null where it was removed
     */
    default void run(String key, Run run, long timestamp) {}

    default void progress(Progress progress) {}

    default void factors(FactorUpdate update, long timestamp) {}

    /**
     * A posterior.
     *
     * @param posterior null where the fit was removed
     */
    default void posterior(String key, Posterior posterior, long timestamp) {}

    /**
     * How good answers were.
     *
     * @param metrics null where the window became too old
     */
    default void calibration(String key, CalibrationMetrics metrics) {}

    default void answer(Answer answer, long timestamp, int partition, long offset) {}

    /** A question was asked, or removed; where its record is. */
    default void question(String key, int partition, long offset) {}

    default void deadLetter(DeadLetter letter) {}

    /** Told of a record that cannot be read or used, in one line. */
    default void unreadable(String line) {}
}
