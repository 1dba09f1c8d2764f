package io.calibrant.scorer.service;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.schemas.Keys;
import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;

/**
 * What a scorer answers with.
 *
 * @param runs the runs whose adapters and posteriors are served, all of the same base model; the first answers
 *     questions that name none
 * @param model directory of the base model
 * @param fit name of the fit for questions that name none, or {@value #LATEST_COMPLETE}
 * @param link from the Gaussian over logits to probabilities
 * @param points Sobol points of the link
 * @param batchSize most questions in one forward pass
 * @param tier for questions that name none; validation questions that name none are answered with all blocks, since (T,
 *     c) are those of all blocks
 * @param device where the model is computed
 * @param linger how long a question may wait for others to share its forward pass
 * @param threads how many take questions at once, on one copy of the model
 */
public record ScorerSettings(
        List<String> runs,
        Path model,
        String fit,
        LinkFunction link,
        int points,
        int batchSize,
        Tier tier,
        ComputeDevice device,
        Duration linger,
        int threads) {
    /** Name of a fit unless told otherwise. */
    public static final String DEFAULT_FIT = "default";

    /** In place of a fit's name: whichever of the run's fits was completed last. */
    public static final String LATEST_COMPLETE = "latest-complete";

    /** Most questions in one forward pass unless told otherwise. */
    public static final int DEFAULT_BATCH_SIZE = 8;

    /** How long a question may wait for others unless told otherwise. */
    public static final Duration DEFAULT_LINGER = Duration.ofMillis(5);

    private static final int MOST_QUESTIONS = 1024;
    private static final Duration LONGEST_LINGER = Duration.ofSeconds(10);
    private static final int MOST_THREADS = 64;

    /** @throws IllegalArgumentException naming the flag, the value and what is accepted */
    public ScorerSettings {
        runs = List.copyOf(runs);
        runs.forEach(run -> Keys.checkName("--run", run));
        if (runs.isEmpty() || new HashSet<>(runs).size() < runs.size()) {
            throw new IllegalArgumentException(
                    "--run: " + runs + " is not accepted: one run or several different ones are, R1,R2");
        }
        Keys.checkName("--fit", fit);
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(link, "link");
        Objects.requireNonNull(tier, "tier");
        Objects.requireNonNull(device, "device");
        new Link(link, points, 0); // checks the number of points
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

    /** The defaults for a run and its base model. */
    public static ScorerSettings of(String run, Path model) {
        return new ScorerSettings(
                List.of(run),
                model,
                DEFAULT_FIT,
                LinkFunction.MC,
                Link.DEFAULT_POINTS,
                DEFAULT_BATCH_SIZE,
                Tier.ALL,
                ComputeDevice.CPU,
                DEFAULT_LINGER,
                1);
    }

    /**
     * The consumer group: scorers of the same runs and fit share the questions; those of another fit, or of other runs,
     * see all of them, too. The order of the runs counts, because the first one answers where none is named.
     */
    String group() {
        return "calibrant-scorer-" + String.join(",", runs) + (fit.equals(DEFAULT_FIT) ? "" : "-" + fit);
    }
}
