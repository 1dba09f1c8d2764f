package io.calibrant.scorer.serving;

/** Something on the device that several hold, freed with the last of them. Thread-safe. */
abstract class RefCounted {
    private int holders = 1;

    /** @throws IllegalStateException if nobody holds it any more */
    final synchronized void hold() {
        if (holders == 0) {
            throw new IllegalStateException(getClass().getSimpleName() + " is freed");
        }
        holders++;
    }

    final void release() {
        boolean last;
        synchronized (this) {
            holders--;
            last = holders == 0;
        }
        if (last) {
            free();
        }
    }

    final synchronized boolean isFree() {
        return holders == 0;
    }

    /** Called once, by the last holder. */
    abstract void free();
}
