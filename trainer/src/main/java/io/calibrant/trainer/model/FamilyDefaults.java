package io.calibrant.trainer.model;

/**
 * What transformers assumes of a family's models where their {@code config.json} does not say.
 *
 * @param tied whether the head is tied to the embeddings
 * @param normEpsilon what RMSNorm adds to the mean square
 * @param rotaryBase the base of the rotary frequencies
 * @param headWidth E; 0 for D / H
 * @param layerTypes whether {@code layer_types} may say of some layers that they slide, and of others that they do not
 */
record FamilyDefaults(boolean tied, double normEpsilon, double rotaryBase, int headWidth, boolean layerTypes) {
    static final FamilyDefaults LLAMA = new FamilyDefaults(false, 1e-6, 10_000, 0, false);

    FamilyDefaults withTiedHead() {
        return new FamilyDefaults(true, normEpsilon, rotaryBase, headWidth, layerTypes);
    }

    FamilyDefaults withNormEpsilon(double other) {
        return new FamilyDefaults(tied, other, rotaryBase, headWidth, layerTypes);
    }

    FamilyDefaults withRotaryBase(double other) {
        return new FamilyDefaults(tied, normEpsilon, other, headWidth, layerTypes);
    }

    FamilyDefaults withHeadWidth(int other) {
        return new FamilyDefaults(tied, normEpsilon, rotaryBase, other, layerTypes);
    }

    FamilyDefaults withLayerTypes() {
        return new FamilyDefaults(tied, normEpsilon, rotaryBase, headWidth, true);
    }
}
