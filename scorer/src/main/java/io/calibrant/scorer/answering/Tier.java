package io.calibrant.scorer.answering;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.trainer.model.ModelConfig;
import java.util.Arrays;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Which blocks carry the covariance, and so what an answer costs. */
public enum Tier {
    /** Every adapted block. */
    ALL("all"),
    /**
     * Those of the highest adapted layer, and of the head: one short backward pass; the others as if known for certain.
     */
    LAST_LAYER("last-layer"),
    /**
     * None: the plain forward pass, and the noise of a logit in place of a covariance; what is served is an average all
     * the same. A covariance of zero and a novelty of 1.
     */
    FORWARD("forward"),
    /** None, and no noise: temperature, or the model as it was. A covariance of zero and a novelty of 1. */
    MAP("map");

    /** The labels, as a message lists them. */
    static final String ACCEPTED = "all, last-layer, forward or map";

    private final String label;

    Tier(String label) {
        this.label = label;
    }

    /** As questions, answers and the command line write it. */
    public String label() {
        return label;
    }

    /**
     * The tier of a label.
     *
     * @param flag what names it, for the message
     * @throws ConfigurationException naming flag, value and what is accepted
     */
    public static Tier of(String flag, String label) {
        return find(label).orElseThrow(() -> new ConfigurationException(flag, label, ACCEPTED));
    }

    /** The tier of a label; empty for any other text. */
    static Optional<Tier> find(String label) {
        return Arrays.stream(values()).filter(tier -> tier.label.equals(label)).findFirst();
    }

    /** Whether any block carries a covariance, which takes backward passes. */
    public boolean hasCovariance() {
        return this == ALL || this == LAST_LAYER;
    }

    /** Which of the adapted maps, by module path, carry the covariance. */
    public Set<String> paths(Collection<String> adapted) {
        if (!hasCovariance()) {
            return Set.of();
        }
        int top = adapted.stream()
                .filter(path -> !ModelConfig.isHead(path))
                .mapToInt(ModelConfig::layerOf)
                .max()
                .orElse(-1);
        return adapted.stream()
                .filter(path -> this == ALL || ModelConfig.isHead(path) || ModelConfig.layerOf(path) == top)
                .collect(Collectors.toUnmodifiableSet());
    }
}
