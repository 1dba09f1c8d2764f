package io.calibrant.infra.demo;

import java.time.Duration;

/** Told how the demo is doing. */
public interface DemoListener {
    /** A line that stays. */
    void said(String line);

    /**
     * How it goes; called a few times a second.
     *
     * @param stage what is going on, a few words
     * @param detail how far that is
     * @param share of the whole, 0 to 1
     * @param remaining of the whole; null where nothing is known
     */
    void progress(String stage, String detail, double share, Duration remaining);
}
