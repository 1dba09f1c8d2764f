package io.calibrant.infra.demo;

import java.time.Duration;

/** Receives the progress of the demo. */
public interface DemoListener {
    /** A line of output that is kept. */
    void said(String line);

    /**
     * The progress of the current stage; called a few times a second.
     *
     * @param stage the name of the stage, a few words
     * @param detail the progress of the stage
     * @param share of all work that is done, 0 to 1
     * @param remaining time for all work; null while unknown
     */
    void progress(String stage, String detail, double share, Duration remaining);
}
