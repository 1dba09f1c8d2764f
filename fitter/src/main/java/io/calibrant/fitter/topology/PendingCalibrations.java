package io.calibrant.fitter.topology;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Which of a process's tasks still have something to tune. Tuning goes by the clock, so offsets do not tell. */
public final class PendingCalibrations {
    private final Set<Object> busy = ConcurrentHashMap.newKeySet();

    /** A task says whether it has. */
    void set(Object task, boolean isBusy) {
        if (isBusy) {
            busy.add(task);
        } else {
            busy.remove(task);
        }
    }

    /** Whether everything is tuned that is known here, and what came of it is committed. */
    public boolean quiet() {
        return busy.isEmpty();
    }
}
