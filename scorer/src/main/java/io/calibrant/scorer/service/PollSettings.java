package io.calibrant.scorer.service;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import java.time.Duration;

/**
 * How questions are taken from their topic.
 *
 * @param batchSize most questions in one forward pass
 * @param linger how long a question may wait for others to share its forward pass
 * @param threads how many poll and answer at once, on one copy of the model
 */
public record PollSettings(int batchSize, Duration linger, int threads) {
    private static final int MOST_QUESTIONS = 1024;
    private static final Duration LONGEST_LINGER = Duration.ofSeconds(10);
    private static final int MOST_THREADS = 64;

    /** Batches of 8, 5 ms of linger, one thread. */
    public static final PollSettings DEFAULTS = new PollSettings(8, Duration.ofMillis(5), 1);

    /**
     * Checks the numbers.
     *
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public PollSettings {
        Require.between("--batch-size", batchSize, 1, MOST_QUESTIONS);
        Require.between("--linger-ms", linger.toMillis(), 0, LONGEST_LINGER.toMillis());
        Require.between("--threads", threads, 1, MOST_THREADS);
    }

    /** The same settings with another batch size. */
    public PollSettings withBatchSize(int value) {
        return new PollSettings(value, linger, threads);
    }

    /** The same settings with another linger. */
    public PollSettings withLinger(Duration value) {
        return new PollSettings(batchSize, value, threads);
    }

    /** The same settings with another number of threads. */
    public PollSettings withThreads(int value) {
        return new PollSettings(batchSize, linger, value);
    }
}
