package io.calibrant.fitter.topology;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which of a process's tasks still have something to calibrate. Calibration is started by the clock, so committed
 * offsets do not say when it is done. Thread-safe.
 */
public final class PendingCalibrations {
    private final Set<Object> busy = ConcurrentHashMap.newKeySet();

    /** Records whether a task has something to calibrate. */
    void set(Object task, boolean isBusy) {
        if (isBusy) {
            busy.add(task);
        } else {
            busy.remove(task);
        }
    }

    /** Whether everything known here is calibrated, and the results are committed. */
    public boolean quiet() {
        return busy.isEmpty();
    }
}
