package io.calibrant.fitter.calibration;

/**
 * What calibrates without any label (method.md section 5d).
 *
 * @param scale c0, examples / real tokens; null where the statistics count no tokens
 * @param variance v of {@link LogitNoise}; null until it is known
 */
public record LabelFree(Double scale, Double variance) {
    /** Nothing is known. */
    public static final LabelFree NONE = new LabelFree(null, null);
}
