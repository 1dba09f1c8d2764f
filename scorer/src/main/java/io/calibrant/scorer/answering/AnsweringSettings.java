package io.calibrant.scorer.answering;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import java.util.Objects;
import java.util.Optional;

/**
 * How a question's Gaussian becomes probabilities.
 *
 * @param link from the Gaussian over logits to probabilities
 * @param points Sobol points of the link
 * @param tier for questions that name none; validation questions that name none are answered with all blocks, since the
 *     posterior needs their covariance
 * @param labelFree what serves where no label is known
 * @param unfamiliar what becomes of the probabilities of a question that is unlike the training questions
 * @param target of the decisions that answers carry; empty: they carry none
 */
public record AnsweringSettings(
        LinkFunction link,
        int points,
        Tier tier,
        LabelFreeServing labelFree,
        Unfamiliar unfamiliar,
        Optional<TargetAccuracy> target) {
    /**
     * Unless told otherwise: Monte Carlo integration, all blocks, an average where no label is known, and unfamiliar
     * questions are softened.
     */
    public static final AnsweringSettings DEFAULTS = new AnsweringSettings(
            LinkFunction.MC,
            Link.DEFAULT_POINTS,
            Tier.ALL,
            LabelFreeServing.AVERAGE,
            Unfamiliar.SOFTEN,
            Optional.empty());

    /**
     * Checks the number of points, and that decisions come with the link that their thresholds were found with.
     *
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public AnsweringSettings {
        Objects.requireNonNull(tier, "tier");
        Objects.requireNonNull(labelFree, "labelFree");
        Objects.requireNonNull(link, "link");
        Objects.requireNonNull(target, "target");
        Objects.requireNonNull(unfamiliar, "unfamiliar");
        Require.between("--points", points, 1, Link.MOST_POINTS);
        Require.that(
                target.isEmpty() || link == LinkFunction.MC,
                "--link",
                link,
                "MC with --target-accuracy: the thresholds are of its probabilities");
    }

    /** The link that these settings describe. */
    public Link newLink() {
        return new Link(link, points, 0);
    }

    /** The same settings with another link. */
    public AnsweringSettings withLink(LinkFunction value) {
        return new AnsweringSettings(value, points, tier, labelFree, unfamiliar, target);
    }

    /** The same settings with another number of Sobol points. */
    public AnsweringSettings withPoints(int value) {
        return new AnsweringSettings(link, value, tier, labelFree, unfamiliar, target);
    }

    /** The same settings with another default tier. */
    public AnsweringSettings withTier(Tier value) {
        return new AnsweringSettings(link, points, value, labelFree, unfamiliar, target);
    }

    /** The same settings, with another fate of unfamiliar questions. */
    public AnsweringSettings withUnfamiliar(Unfamiliar value) {
        return new AnsweringSettings(link, points, tier, labelFree, value, target);
    }

    /** The same settings with another choice of what serves without labels. */
    public AnsweringSettings withLabelFree(LabelFreeServing value) {
        return new AnsweringSettings(link, points, tier, value, unfamiliar, target);
    }

    /** The same settings with decisions for a target. */
    public AnsweringSettings withTarget(TargetAccuracy value) {
        return new AnsweringSettings(link, points, tier, labelFree, unfamiliar, Optional.of(value));
    }

    /**
     * A target as it is asked for.
     *
     * @param accuracy null: none
     * @param confidence of the target; null: {@link TargetAccuracy#DEFAULT_CONFIDENCE}
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public static Optional<TargetAccuracy> target(Double accuracy, Double confidence) {
        if (accuracy == null) {
            Require.that(confidence == null, "--confidence", confidence, "given with --target-accuracy");
            return Optional.empty();
        }
        double sure = confidence == null ? TargetAccuracy.DEFAULT_CONFIDENCE : confidence;
        requireShare("--target-accuracy", accuracy);
        requireShare("--confidence", sure);
        return Optional.of(new TargetAccuracy(accuracy, sure));
    }

    private static void requireShare(String flag, double value) {
        Require.that(TargetAccuracy.isShare(value), flag, value, "above 0 and below 1");
    }
}
