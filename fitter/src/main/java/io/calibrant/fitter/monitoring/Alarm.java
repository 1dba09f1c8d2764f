package io.calibrant.fitter.monitoring;

/**
 * An alarm that has been raised, again and again perhaps, or never. It is on until so much has come without its being
 * raised again.
 *
 * @param since when it was raised first of those times that belong together, milliseconds; {@link #OFF} while it is off
 * @param quiet what came since it was raised last
 */
public record Alarm(long since, long quiet) {
    /** In place of a time. */
    public static final long OFF = -1;

    /** Never raised. */
    public static final Alarm NEVER = new Alarm(OFF, 0);

    /** Whether it is on. */
    public boolean isOn() {
        return since != OFF;
    }

    /** Raised at a time, milliseconds. */
    Alarm raised(long time) {
        return new Alarm(isOn() ? since : time, 0);
    }

    /**
     * One more came, and it was not raised.
     *
     * @param enough after which it goes off
     */
    Alarm quiet(long enough) {
        return !isOn() || quiet + 1 >= enough ? NEVER : new Alarm(since, quiet + 1);
    }
}
