package io.calibrant.trainer.model;

import java.util.Optional;

/**
 * How positions turn queries and keys.
 *
 * @param theta base of the rotary frequencies
 * @param scaling the "llama3" scaling, if any
 */
public record RotarySettings(double theta, Optional<RopeScaling> scaling) {

    /** @throws IllegalArgumentException if theta is not positive */
    public RotarySettings {
        if (!(theta > 0)) {
            throw new IllegalArgumentException("rope_theta must be above 0, got " + theta);
        }
    }

    /** The inverse frequencies of the E / 2 rotated pairs. */
    double[] inverseFrequencies(int headWidth) {
        double[] frequencies = new double[headWidth / 2];
        for (int i = 0; i < frequencies.length; i++) {
            double plain = Math.pow(theta, -2.0 * i / headWidth);
            frequencies[i] = scaling.map(s -> s.apply(plain)).orElse(plain);
        }
        return frequencies;
    }
}
