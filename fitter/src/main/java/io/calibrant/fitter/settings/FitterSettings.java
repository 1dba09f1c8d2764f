package io.calibrant.fitter.settings;

import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.PriorObjective;
import java.nio.file.Path;
import java.time.Duration;

/**
 * How the fitter fits.
 *
 * @param fit name of the fit, part of every key it writes; another name is another application with its own state,
 *     which starts from the earliest statistics
 * @param stateDir where the state stores live; they can be deleted while the fitter is down, Kafka holds all of them
 * @param threads stream threads, 1 to 64
 * @param prior one prior precision, or one a block
 * @param priorMean the prior's mean: zero, or the adapter's initial value (every statistic must then carry its
 *     distance)
 * @param residual the isotropic residual off the kept columns; off is the paper
 * @param compression how a large side is kept small
 * @param cacheBytes record cache over all threads: factors that are folded again before a commit are logged once
 * @param commitInterval how long results of recent records wait until they are visible, 10 ms to 5 s; a backlog is
 *     committed a fifth as often, every 5 s at least
 * @param objective what the prior precision maximises: the evidence, or the likelihood of the validation labels
 * @param calibrationWindow length of a window of topic calibration, 1 minute to 1 day
 * @param retention for how long an answer waits for its label and a label for its answer, 1 day or more; sensibly that
 *     of the topics
 * @param createTopics create topics that are missing
 * @param selection which statistics are folded, and at which rank
 */
public record FitterSettings(
        String fit,
        Path stateDir,
        int threads,
        PriorStructure prior,
        PriorMean priorMean,
        boolean residual,
        Compression compression,
        long cacheBytes,
        Duration commitInterval,
        PriorObjective objective,
        Duration calibrationWindow,
        Duration retention,
        boolean createTopics,
        StatisticsSelection selection) {
    /** The fit that has no name of its own. */
    public static final String DEFAULT_FIT = "default";

    /**
     * Checks every value.
     *
     * @throws IllegalArgumentException naming the flag, the value and what is accepted
     */
    public FitterSettings {
        Keys.checkName("--fit", fit);
        check(threads >= 1 && threads <= 64, "--threads", threads, "1 to 64");
        check(cacheBytes >= 0, "--cache-bytes", cacheBytes, "0 (no cache) or more");
        check(
                commitInterval.toMillis() >= 10 && commitInterval.toMillis() <= 5000,
                "--commit-interval",
                commitInterval.toMillis(),
                "10 to 5000 (milliseconds)");
        check(
                calibrationWindow.toMinutes() >= 1 && calibrationWindow.compareTo(Duration.ofDays(1)) <= 0,
                "--calibration-window",
                calibrationWindow.toMinutes(),
                "1 to 1440 (minutes)");
        check(retention.toDays() >= 1, "--retention", retention.toDays(), "1 or more (days)");
    }

    private static void check(boolean right, String flag, long value, String accepted) {
        if (!right) {
            throw new IllegalArgumentException(flag + ": " + value + " is not accepted, accepted is " + accepted);
        }
    }

    /**
     * The defaults: scalar prior around zero, residual on, 2 threads, 64 MB of cache, commits every 200 ms, windows of
     * an hour, 90 days.
     */
    public static FitterSettings defaults() {
        return new FitterSettings(
                DEFAULT_FIT,
                defaultStateDir(),
                2,
                PriorStructure.SCALAR,
                PriorMean.ZERO,
                true,
                Compression.TRUNCATE,
                64L << 20,
                Duration.ofMillis(200),
                PriorObjective.EVIDENCE,
                Duration.ofHours(1),
                Topics.RETENTION,
                false,
                StatisticsSelection.ALL);
    }

    /** The same in another state directory. */
    public FitterSettings withStateDir(Path directory) {
        return with(fit, directory, objective, selection);
    }

    /** The same under another name, with an objective of its own. */
    public FitterSettings named(String name, PriorObjective wanted) {
        return with(name, stateDir, wanted, selection);
    }

    /** The same of a part of the statistics, or at another rank. */
    public FitterSettings selecting(StatisticsSelection part) {
        return with(fit, stateDir, objective, part);
    }

    private FitterSettings with(String name, Path directory, PriorObjective wanted, StatisticsSelection part) {
        return new FitterSettings(
                name,
                directory,
                threads,
                prior,
                priorMean,
                residual,
                compression,
                cacheBytes,
                commitInterval,
                wanted,
                calibrationWindow,
                retention,
                createTopics,
                part);
    }

    /** {@code $XDG_STATE_HOME/calibrant/fitter}, or {@code ~/.local/state/calibrant/fitter}. */
    public static Path defaultStateDir() {
        String state = System.getenv("XDG_STATE_HOME");
        Path base = state == null || state.isBlank()
                ? Path.of(System.getProperty("user.home"), ".local", "state")
                : Path.of(state);
        return base.resolve("calibrant").resolve("fitter");
    }

    /** Whether it replays one run beside the live fits, rather than following all of them. */
    public boolean isRefit() {
        return selection.run() != null;
    }

    /** The name of the Streams application: its consumer group, and the start of its internal topics' names. */
    public String applicationId(Topics topics) {
        return applicationId(topics, fit);
    }

    /** That of a fit of this name. */
    public static String applicationId(Topics topics, String fit) {
        return topics.prefix() + "calibrant-fitter" + (DEFAULT_FIT.equals(fit) ? "" : "-" + fit);
    }
}
