package io.calibrant.trainer.model;

/**
 * The "llama3" scaling of rotary frequencies: wavelengths beyond {@code originalMaxPositions / lowFrequencyFactor} are
 * stretched by {@code factor}, those below {@code originalMaxPositions / highFrequencyFactor} stay, between them the
 * two are blended.
 */
public record RopeScaling(
        double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions) {

    /** The scaled inverse frequency. */
    double apply(double inverseFrequency) {
        double wavelength = 2 * Math.PI / inverseFrequency;
        if (wavelength < originalMaxPositions / highFrequencyFactor) {
            return inverseFrequency;
        }
        if (wavelength > originalMaxPositions / lowFrequencyFactor) {
            return inverseFrequency / factor;
        }
        double smooth =
                (originalMaxPositions / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
        return (1 - smooth) * inverseFrequency / factor + smooth * inverseFrequency;
    }
}
