package io.calibrant.fitter.settings;

import io.calibrant.schemas.Require;
import java.nio.file.Path;
import java.time.Duration;

/**
 * How the Streams application of a fit runs. None of it changes a result.
 *
 * @param stateDir where the state stores live; they can be deleted while the fitter is down, Kafka holds all of them
 * @param threads stream threads, 1 to 64
 * @param cacheBytes record cache over all threads: factors that are folded again before a commit are logged once
 * @param commitInterval how long results of recent records wait until they are visible, 10 ms to 5 s; a backlog is
 *     committed a fifth as often, every 5 s at least
 * @param createTopics whether topics that are missing are created
 */
public record StreamsSettings(
        Path stateDir, int threads, long cacheBytes, Duration commitInterval, boolean createTopics) {
    private static final int MOST_THREADS = 64;

    /**
     * Checks every value.
     *
     * @throws io.calibrant.schemas.ConfigurationException if a value is not accepted
     */
    public StreamsSettings {
        Require.between("--threads", threads, 1, MOST_THREADS);
        Require.that(cacheBytes >= 0, "--cache-bytes", cacheBytes, "0 (no cache) or more");
        Require.that(
                commitInterval.toMillis() >= 10 && commitInterval.toMillis() <= 5000,
                "--commit-interval",
                commitInterval.toMillis(),
                "10 to 5000 (milliseconds)");
    }

    /** 2 threads, 64 MB of cache, commits every 200 ms, in {@link #defaultStateDir}; no topics are created. */
    public static StreamsSettings defaults() {
        return new StreamsSettings(defaultStateDir(), 2, 64L << 20, Duration.ofMillis(200), false);
    }

    /** {@code $XDG_STATE_HOME/calibrant/fitter}, or {@code ~/.local/state/calibrant/fitter}. */
    public static Path defaultStateDir() {
        String state = System.getenv("XDG_STATE_HOME");
        Path base = state == null || state.isBlank()
                ? Path.of(System.getProperty("user.home"), ".local", "state")
                : Path.of(state);
        return base.resolve("calibrant").resolve("fitter");
    }

    /** The same in another state directory. */
    public StreamsSettings withStateDir(Path other) {
        return new StreamsSettings(other, threads, cacheBytes, commitInterval, createTopics);
    }

    /** The same with so many stream threads. */
    public StreamsSettings withThreads(int other) {
        return new StreamsSettings(stateDir, other, cacheBytes, commitInterval, createTopics);
    }

    /** The same with a record cache of this size. */
    public StreamsSettings withCacheBytes(long other) {
        return new StreamsSettings(stateDir, threads, other, commitInterval, createTopics);
    }

    /** The same with another commit interval. */
    public StreamsSettings withCommitInterval(Duration other) {
        return new StreamsSettings(stateDir, threads, cacheBytes, other, createTopics);
    }

    /** The same, creating topics that are missing or not. */
    public StreamsSettings withCreateTopics(boolean other) {
        return new StreamsSettings(stateDir, threads, cacheBytes, commitInterval, other);
    }
}
