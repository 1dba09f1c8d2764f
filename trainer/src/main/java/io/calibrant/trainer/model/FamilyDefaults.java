package io.calibrant.trainer.model;

/**
 * What transformers assumes of a family's models where their {@code config.json} does not say.
 *
 * @param tied whether the head is tied to the embeddings
 * @param normEpsilon what RMSNorm adds to the mean square
 * @param rotaryBase the base of the rotary frequencies
 * @param headWidth E; 0 for D / H
 * @param keyValueHeads heads of keys and values; 0 for H
 * @param positions longest sequence
 * @param originalPositions longest sequence of pretraining, whatever the rotary settings say of it; 0 for none
 * @param pad id of the token that fills batches; -1 for none
 * @param layerTypes whether {@code layer_types} may say of some layers that they slide, and of others that they do not
 */
record FamilyDefaults(
        boolean tied,
        double normEpsilon,
        double rotaryBase,
        int headWidth,
        int keyValueHeads,
        int positions,
        int originalPositions,
        int pad,
        boolean layerTypes) {

    /** What is assumed of a Llama; a family says in what it differs. */
    static Builder llama() {
        return new Builder();
    }

    /** Collects in what a family differs from a Llama. */
    static final class Builder {
        private boolean tied;
        private double normEpsilon = 1e-6;
        private double rotaryBase = 10_000;
        private int headWidth;
        private int keyValueHeads;
        private int positions = 2048;
        private int originalPositions;
        private int pad = -1;
        private boolean layerTypes;

        Builder tiedHead() {
            tied = true;
            return this;
        }

        Builder normEpsilon(double value) {
            normEpsilon = value;
            return this;
        }

        Builder rotaryBase(double value) {
            rotaryBase = value;
            return this;
        }

        Builder headWidth(int value) {
            headWidth = value;
            return this;
        }

        Builder keyValueHeads(int value) {
            keyValueHeads = value;
            return this;
        }

        Builder positions(int value) {
            positions = value;
            return this;
        }

        Builder originalPositions(int value) {
            originalPositions = value;
            return this;
        }

        Builder pad(int value) {
            pad = value;
            return this;
        }

        Builder layerTypes() {
            layerTypes = true;
            return this;
        }

        FamilyDefaults build() {
            return new FamilyDefaults(
                    tied,
                    normEpsilon,
                    rotaryBase,
                    headWidth,
                    keyValueHeads,
                    positions,
                    originalPositions,
                    pad,
                    layerTypes);
        }
    }
}
