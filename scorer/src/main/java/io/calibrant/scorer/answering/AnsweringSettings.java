package io.calibrant.scorer.answering;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import java.util.Objects;

/**
 * How a question's Gaussian becomes probabilities.
 *
 * @param link from the Gaussian over logits to probabilities
 * @param points Sobol points of the link
 * @param tier for questions that name none; validation questions that name none are answered with all blocks, since (T,
 *     c) are those of all blocks
 */
public record AnsweringSettings(LinkFunction link, int points, Tier tier) {
    /** Unless told otherwise: Monte Carlo integration, and all blocks. */
    public static final AnsweringSettings DEFAULTS =
            new AnsweringSettings(LinkFunction.MC, Link.DEFAULT_POINTS, Tier.ALL);

    /**
     * Checks the number of points.
     *
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public AnsweringSettings {
        Objects.requireNonNull(tier, "tier");
        Objects.requireNonNull(link, "link");
        Require.between("--points", points, 1, Link.MOST_POINTS);
    }

    /** The link that these settings describe. */
    public Link newLink() {
        return new Link(link, points, 0);
    }

    /** The same settings with another link. */
    public AnsweringSettings withLink(LinkFunction value) {
        return new AnsweringSettings(value, points, tier);
    }

    /** The same settings with another number of Sobol points. */
    public AnsweringSettings withPoints(int value) {
        return new AnsweringSettings(link, value, tier);
    }

    /** The same settings with another default tier. */
    public AnsweringSettings withTier(Tier value) {
        return new AnsweringSettings(link, points, value);
    }
}
