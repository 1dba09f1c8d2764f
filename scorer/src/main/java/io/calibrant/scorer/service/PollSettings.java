package io.calibrant.scorer.service;

import java.time.Duration;

/**
 * How questions are taken from their topic.
 *
 * @param batchSize most questions in one forward pass
 * @param linger how long a question may wait for others to share its forward pass
 * @param threads how many take questions at once, on one copy of the model
 */
public record PollSettings(int batchSize, Duration linger, int threads) {
    /** Unless told otherwise. */
    public static final PollSettings DEFAULTS = new PollSettings(8, Duration.ofMillis(5), 1);

    private static final int MOST_QUESTIONS = 1024;
    private static final Duration LONGEST_LINGER = Duration.ofSeconds(10);
    private static final int MOST_THREADS = 64;

    /** @throws IllegalArgumentException naming the flag, the value and what is accepted */
    public PollSettings {
        if (batchSize < 1 || batchSize > MOST_QUESTIONS) {
            throw new IllegalArgumentException(
                    "--batch-size: " + batchSize + " is not accepted: 1 to " + MOST_QUESTIONS + " are");
        }
        if (linger.isNegative() || linger.compareTo(LONGEST_LINGER) > 0) {
            throw new IllegalArgumentException("--linger-ms: " + linger.toMillis() + " is not accepted: 0 to "
                    + LONGEST_LINGER.toMillis() + " are");
        }
        if (threads < 1 || threads > MOST_THREADS) {
            throw new IllegalArgumentException(
                    "--threads: " + threads + " is not accepted: 1 to " + MOST_THREADS + " are");
        }
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
