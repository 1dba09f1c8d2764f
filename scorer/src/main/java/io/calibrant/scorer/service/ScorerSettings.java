package io.calibrant.scorer.service;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.schemas.Keys;
import io.calibrant.trainer.llama.ComputeDevice;
import java.nio.file.Path;
import java.util.Objects;

/**
 * What a scorer answers with.
 *
 * @param run the run whose adapter and posterior are served
 * @param model directory of the run's base model
 * @param fit name of the fit
 * @param link from the Gaussian over logits to probabilities
 * @param points Sobol points of the link
 * @param batchSize most questions in one forward pass
 * @param tier which blocks carry the covariance; {@code all} only
 * @param device where the model is computed
 */
public record ScorerSettings(
        String run,
        Path model,
        String fit,
        LinkFunction link,
        int points,
        int batchSize,
        String tier,
        ComputeDevice device) {
    /** Name of a fit unless told otherwise. */
    public static final String DEFAULT_FIT = "default";

    /** Most questions in one forward pass unless told otherwise. */
    public static final int DEFAULT_BATCH_SIZE = 8;

    /** The only tier so far. */
    public static final String ALL_BLOCKS = "all";

    private static final int MOST_QUESTIONS = 1024;

    /** @throws IllegalArgumentException naming the flag, the value and what is accepted */
    public ScorerSettings {
        Keys.checkName("--run", run);
        Keys.checkName("--fit", fit);
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(link, "link");
        Objects.requireNonNull(device, "device");
        new Link(link, points, 0); // checks the number of points
        if (batchSize < 1 || batchSize > MOST_QUESTIONS) {
            throw new IllegalArgumentException(
                    "--batch-size: " + batchSize + " is not accepted: 1 to " + MOST_QUESTIONS + " are");
        }
        if (!ALL_BLOCKS.equals(tier)) {
            throw new IllegalArgumentException("--tier: '" + tier + "' is not accepted: " + ALL_BLOCKS + " is");
        }
    }

    /** The defaults for a run and its base model. */
    public static ScorerSettings of(String run, Path model) {
        return new ScorerSettings(
                run,
                model,
                DEFAULT_FIT,
                LinkFunction.MC,
                Link.DEFAULT_POINTS,
                DEFAULT_BATCH_SIZE,
                ALL_BLOCKS,
                ComputeDevice.CPU);
    }

    /** The consumer group: scorers of the same run and fit share the questions; another fit sees all of them, too. */
    String group() {
        return "calibrant-scorer-" + run + (fit.equals(DEFAULT_FIT) ? "" : "-" + fit);
    }
}
