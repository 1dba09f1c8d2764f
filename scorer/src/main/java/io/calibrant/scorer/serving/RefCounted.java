package io.calibrant.scorer.serving;

/** A reference-counted object on the device, freed when its count reaches 0. It starts with 1. Thread-safe. */
abstract class RefCounted {
    private int holders = 1;

    /**
     * Adds a reference.
     *
     * @throws IllegalStateException if it is freed
     */
    final synchronized void hold() {
        if (holders == 0) {
            throw new IllegalStateException(getClass().getSimpleName() + " is freed");
        }
        holders++;
    }

    /** Removes a reference; the last one frees it. */
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

    /** Frees what it holds. Called once, by the last {@link #release}. */
    abstract void free();
}
