package io.calibrant.infra.report;

/** The ways to turn logits into probabilities that an evaluation compares. */
public enum Method {
    /** softmax of the fine-tuned model's logits. */
    MAP("map", "MAP", "fine-tuned, not calibrated"),
    /** softmax(z / T). */
    TEMPERATURE("temperature", "Temperature", "logits divided by one number"),
    /** The linearised Laplace predictive at the prior that the evidence chose. */
    LAPLACE("laplace-evidence", "Laplace", "posterior over the adapter, prior by evidence"),
    /** The members that need no label, in equal parts. */
    LABEL_FREE("label-free", "Label-free", "Laplace scaled by tokens, and the noise of a logit; no labels"),
    /** The probabilities that were served. */
    CALIBRATED("calibrated", "As served", "the probabilities of the answers");

    private final String key;
    private final String title;
    private final String explanation;

    Method(String key, String title, String explanation) {
        this.key = key;
        this.title = title;
        this.explanation = explanation;
    }

    /** Name in JSON. */
    public String key() {
        return key;
    }

    /** Name in tables. */
    public String title() {
        return title;
    }

    /** A short description, half a line. */
    String explanation() {
        return explanation;
    }
}
