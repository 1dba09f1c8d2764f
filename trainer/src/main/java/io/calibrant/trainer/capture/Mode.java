package io.calibrant.trainer.capture;

/** What a pass is for. */
public enum Mode {
    /** Evaluation: no graph, no capture. */
    PLAIN(false, false),
    /** Curvature and scoring: no dropout, probes on every adapted map; the adapter's weights collect no gradient. */
    PROBED(false, true),
    /** Fine-tuning: dropout, gradients in the adapter's weights. */
    TRAINING(true, false),
    /** Fine-tuning with capture: as TRAINING, with probes; for the EMPIRICAL Fisher of live factors. */
    TRAINING_PROBED(true, true);

    private final boolean training;
    private final boolean probed;

    Mode(boolean training, boolean probed) {
        this.training = training;
        this.probed = probed;
    }

    /** Whether the adapter's weights collect gradients and dropout is on. */
    public boolean isTraining() {
        return training;
    }

    /** Whether inputs and output gradients of the adapted maps are captured. */
    public boolean isProbed() {
        return probed;
    }
}
