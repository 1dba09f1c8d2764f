package io.calibrant.infra.live;

import java.time.Duration;

/** How long ago something was, in few words. */
public final class Age {
    private Age() {}

    /** {@code 3 s}, {@code 5 min}, {@code 2 h} or {@code 4 days}; what is still to come is now. */
    public static String of(Duration age) {
        long seconds = Math.max(0, age.toSeconds());
        if (seconds < 120) {
            return seconds + " s";
        }
        if (seconds < 7200) {
            return seconds / 60 + " min";
        }
        return seconds < 172_800 ? seconds / 3600 + " h" : seconds / 86_400 + " days";
    }
}
