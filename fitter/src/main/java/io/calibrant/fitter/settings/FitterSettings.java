package io.calibrant.fitter.settings;

import io.calibrant.fitter.linalg.Compression;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.PriorObjective;
import java.nio.file.Path;

/**
 * How the fitter fits, in groups. Start from {@link #defaults} and change what is to differ.
 *
 * @param fit name of the fit, part of every key it writes; another name is another application with its own state,
 *     which starts from the earliest statistics
 * @param compression how a large side is kept small
 * @param prior the prior, and how its precision is chosen
 * @param labels how answers and labels are joined and counted
 * @param streaming how the Streams application runs
 * @param selection which statistics are folded, and at which rank
 */
public record FitterSettings(
        String fit,
        Compression compression,
        PriorSettings prior,
        LabelSettings labels,
        StreamsSettings streaming,
        StatisticsSelection selection) {
    /** The fit that has no name of its own. */
    public static final String DEFAULT_FIT = "default";

    /**
     * Checks the name.
     *
     * @throws IllegalArgumentException if it is not accepted
     */
    public FitterSettings {
        Require.name("--fit", fit);
    }

    /** The default fit of all statistics, with the defaults of every group. */
    public static FitterSettings defaults() {
        return new FitterSettings(
                DEFAULT_FIT,
                Compression.TRUNCATE,
                PriorSettings.defaults(),
                LabelSettings.defaults(),
                StreamsSettings.defaults(),
                StatisticsSelection.ALL);
    }

    /** The same under another name. */
    public FitterSettings named(String name) {
        return new FitterSettings(name, compression, prior, labels, streaming, selection);
    }

    /** The same with another compression. */
    public FitterSettings with(Compression other) {
        return new FitterSettings(fit, other, prior, labels, streaming, selection);
    }

    /** The same with another prior. */
    public FitterSettings with(PriorSettings other) {
        return new FitterSettings(fit, compression, other, labels, streaming, selection);
    }

    /** The same with another objective of the prior. */
    public FitterSettings with(PriorObjective objective) {
        return with(prior.withObjective(objective));
    }

    /** The same with other settings for labels. */
    public FitterSettings with(LabelSettings other) {
        return new FitterSettings(fit, compression, prior, other, streaming, selection);
    }

    /** The same, run in another way. */
    public FitterSettings with(StreamsSettings other) {
        return new FitterSettings(fit, compression, prior, labels, other, selection);
    }

    /** The same in another state directory. */
    public FitterSettings withStateDir(Path directory) {
        return with(streaming.withStateDir(directory));
    }

    /** The same of a part of the statistics, or at another rank. */
    public FitterSettings selecting(StatisticsSelection part) {
        return new FitterSettings(fit, compression, prior, labels, streaming, part);
    }

    /** Whether it replays one run beside the live fits, rather than following all of them. */
    public boolean isRefit() {
        return selection.run() != null;
    }

    /** The name of the Streams application: its consumer group, and the start of its internal topics' names. */
    public String applicationId(Topics topics) {
        return applicationId(topics, fit);
    }

    /** The name of the Streams application of a fit. */
    public static String applicationId(Topics topics, String fit) {
        return topics.prefix() + "calibrant-fitter" + (DEFAULT_FIT.equals(fit) ? "" : "-" + fit);
    }
}
