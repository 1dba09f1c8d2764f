package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.serving.ServingSettings;
import java.nio.file.Path;
import java.util.Objects;

/**
 * What a scorer answers with.
 *
 * @param serving which posteriors are served, and on which base model
 * @param answering how a question's Gaussian becomes probabilities
 * @param poll how questions are taken from their topic
 */
public record ScorerSettings(ServingSettings serving, AnsweringSettings answering, PollSettings poll) {
    /** What the name of every group of scorers begins with. */
    static final String GROUP = "calibrant-scorer-";

    /** Every group is there. */
    public ScorerSettings {
        Objects.requireNonNull(serving, "serving");
        Objects.requireNonNull(answering, "answering");
        Objects.requireNonNull(poll, "poll");
    }

    /** The defaults for a run and its base model. */
    public static ScorerSettings of(String run, Path model) {
        return new ScorerSettings(ServingSettings.of(run, model), AnsweringSettings.DEFAULTS, PollSettings.DEFAULTS);
    }

    /** The same settings with another choice of posteriors. */
    public ScorerSettings with(ServingSettings value) {
        return new ScorerSettings(value, answering, poll);
    }

    /** The same settings with another way to probabilities. */
    public ScorerSettings with(AnsweringSettings value) {
        return new ScorerSettings(serving, value, poll);
    }

    /** The same settings with another way to take questions. */
    public ScorerSettings with(PollSettings value) {
        return new ScorerSettings(serving, answering, value);
    }

    /**
     * The consumer group: scorers of the same runs and fit share the questions; those of another fit, or of other runs,
     * see all of them, too. The order of the runs counts, because the first one answers where none is named.
     */
    String group() {
        return GROUP + groupOf(serving);
    }

    /** The same as the cluster knows it: the prefix keeps installations on one cluster apart. */
    public String group(Connection connection) {
        return connection.topicPrefix() + group();
    }

    /** What stands behind {@link #GROUP} in the name of the group. */
    static String groupOf(ServingSettings serving) {
        String fit = serving.fit();
        return String.join(",", serving.runs()) + (fit.equals(ServingSettings.DEFAULT_FIT) ? "" : "-" + fit);
    }
}
