package io.calibrant.schemas;

import java.util.Locale;

/** Why a record became a dead letter, in the few kinds that are counted. The letter itself has the reason in words. */
public enum DeadLetterReason {
    /** Its bytes or its key are none that anybody can read. */
    UNREADABLE,
    /** It can be read, and a check refused what it says. */
    INVALID,
    /** It asks for a run or a fit that is not served. */
    UNSERVED,
    /** It passed the checks, and computing with it failed. */
    FAILED,
    /** What it would lead to is larger than its topic takes. */
    OVERSIZED;

    /** As metrics write it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
