package io.calibrant.fitter.linalg;

import java.util.Arrays;

/**
 * What is known of the eigenvalues of a large side.
 *
 * @param values the known ones, w, descending, not negative, unnormalised; not copied, treat as read-only
 * @param dimension d
 * @param trace the exact trace of the sum, that is of all d eigenvalues
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record Spectrum(double[] values, int dimension, double trace) {
    public Spectrum {
        if (values.length > dimension) {
            throw new IllegalArgumentException(values.length + " eigenvalues in a space of dimension " + dimension);
        }
    }

    /** How many eigenvalues are not known one by one: d - k. */
    public int multiplicity() {
        return dimension - values.length;
    }

    /** rho = (trace - sum w) / (d - k), the mean of the eigenvalues off the kept columns; 0 where none is left. */
    public double residual() {
        return multiplicity() == 0 ? 0 : Math.max(0, trace - sum()) / multiplicity();
    }

    /** sum w / trace, at most 1; 1 where the trace is 0. */
    public double capturedEnergy() {
        return trace > 0 ? Math.min(1, sum() / trace) : 1;
    }

    /** sum w. */
    public double sum() {
        return Arrays.stream(values).sum();
    }
}
