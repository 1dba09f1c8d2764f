package io.calibrant.trainer.curvature;

/**
 * Rows R of a block's large side on the host: R^T R is the batch's part of the sum.
 *
 * @param values row-major [m, d], float32; not to be modified
 * @param count m, may be 0
 * @param width d
 * @param trace the exact sum of squared norms of the rows before any reduction
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody; megabytes are not copied per access
public record FactorRows(float[] values, int count, int width, double trace) {
    /** The same rows, each times a factor. */
    FactorRows times(double factor) {
        float[] scaled = new float[values.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = (float) (factor * values[i]);
        }
        return new FactorRows(scaled, count, width, factor * factor * trace);
    }
}
