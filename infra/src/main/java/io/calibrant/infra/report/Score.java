package io.calibrant.infra.report;

/** The uncertainty scores of an answer, independent of its label; higher means less trust. */
public enum Score {
    /** Entropy of softmax(z), nats. */
    MAP_ENTROPY("mapEntropy", "entropy of MAP"),
    /** Entropy of the served probabilities, nats. */
    ENTROPY("entropy", "entropy as served"),
    /** The epistemic part of the entropy, nats. */
    MUTUAL_INFORMATION("mutualInformation", "mutual information"),
    /** The share of the prior predictive variance that training has not explained. */
    NOVELTY("novelty", "novelty"),
    /** How far the question lies from the training questions; not in answers of a fit without it. */
    FAMILIARITY("familiarity", "familiarity");

    private final String key;
    private final String title;

    Score(String key, String title) {
        this.key = key;
        this.title = title;
    }

    /** Name in JSON. */
    public String key() {
        return key;
    }

    /** Name in tables. */
    public String title() {
        return title;
    }
}
