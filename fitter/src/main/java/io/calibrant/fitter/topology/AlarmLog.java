package io.calibrant.fitter.topology;

import io.calibrant.fitter.labels.CalibrationState;
import io.calibrant.fitter.labels.CalibrationWindow;
import io.calibrant.fitter.monitoring.CalibrationEvidence;
import java.time.Instant;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says in one line when an alarm goes on or off. It is said as the change is made, before that is committed: after a
 * failure perhaps twice.
 */
final class AlarmLog {
    private static final Logger LOG = LoggerFactory.getLogger(AlarmLog.class);

    private AlarmLog() {}

    /**
     * Compares a record of topic calibration before and after a change.
     *
     * @param key of the record: only totals are looked at
     * @param after null where nothing is left
     */
    static void compare(String key, CalibrationState before, CalibrationState after) {
        if (after == null || !key.endsWith('/' + CalibrationWindow.TOTAL)) {
            return;
        }
        String fit = key.substring(0, key.length() - 1 - CalibrationWindow.TOTAL.length());
        familiarity(fit, before, after);
        calibration(fit, before.counts().evidence(), after.counts().evidence());
    }

    private static void familiarity(String fit, CalibrationState before, CalibrationState after) {
        boolean was = before.familiarity().alarm().isOn();
        if (after.familiarity().alarm().isOn() && !was) {
            LOG.warn(
                    "{}: the questions are of another kind than the training questions since {}: of the last {} {} are"
                            + " unfamiliar",
                    fit,
                    Instant.ofEpochMilli(after.familiarity().alarm().since()),
                    after.familiarity().recent(),
                    after.familiarity().recentlyUnfamiliar());
        } else if (was && !after.familiarity().alarm().isOn()) {
            LOG.info("{}: the questions are familiar again", fit);
        }
    }

    @SuppressWarnings("ReferenceEquality") // what a change leaves alone is the same object
    private static void calibration(String fit, CalibrationEvidence before, CalibrationEvidence after) {
        if (after == before) {
            return;
        }
        boolean was = before.value() >= CalibrationEvidence.THRESHOLD;
        boolean is = after.value() >= CalibrationEvidence.THRESHOLD;
        if (is && !was) {
            LOG.warn(
                    "{}: the labels speak against the served probabilities, e-value {}, of answers since {}",
                    fit,
                    Math.round(after.value()),
                    Instant.ofEpochMilli(after.since()));
        } else if (was && !is) {
            LOG.info("{}: the labels no longer speak against the served probabilities", fit);
        }
    }
}
