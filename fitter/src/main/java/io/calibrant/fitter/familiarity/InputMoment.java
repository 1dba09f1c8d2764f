package io.calibrant.fitter.familiarity;

import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.linalg.SymmetricEigen;

/**
 * The uncentred second moment M = sum x x^T of what a layer's attention maps read at the last real token of n training
 * questions, in k eigenpairs and the isotropic residual rho (method.md section 6).
 */
public final class InputMoment {
    /** In a layer with less of its trace off the first direction all questions end alike, and it tells nothing. */
    private static final double LEAST_SPREAD = 1e-6;

    /** No eigenvalue is taken for smaller than this share of the mean one: it is divided by. */
    private static final double LEAST_EIGENVALUE = 1e-9;

    private final int dimension;
    private final double[] w;
    private final double[] u;
    private final double rho;
    private final double n;

    /**
     * Of eigenpairs.
     *
     * @param w the largest k eigenvalues, descending, unnormalised; not copied
     * @param u their unit eigenvectors [k, D]; not copied
     * @param rho the eigenvalue off these, unnormalised
     * @param trace of M
     * @param n questions
     */
    InputMoment(int dimension, double[] w, double[] u, double rho, double trace, double n) {
        double least = LEAST_EIGENVALUE * trace / dimension;
        this.dimension = dimension;
        this.w = new double[w.length];
        for (int i = 0; i < w.length; i++) {
            this.w[i] = Math.max(w[i], least);
        }
        this.u = u;
        this.rho = Math.max(rho, least);
        this.n = n;
    }

    /**
     * Of a folded sum.
     *
     * @param sum M, of which the trace is above 0
     * @param n questions in it, above 0
     */
    public static InputMoment of(LargeSide sum, double n) {
        SymmetricEigen pairs = sum.pairs();
        Spectrum spectrum = new Spectrum(pairs.values(), sum.dimension(), sum.trace());
        return new InputMoment(sum.dimension(), pairs.values(), pairs.vectors(), spectrum.residual(), sum.trace(), n);
    }

    /** Whether a layer tells questions apart: (trace - w_1) / trace is at least 1e-6. */
    public static boolean tells(Spectrum spectrum) {
        return spectrum.trace() > 0
                && spectrum.values().length > 0
                && spectrum.trace() - spectrum.values()[0] >= LEAST_SPREAD * spectrum.trace();
    }

    /** D. */
    public int dimension() {
        return dimension;
    }

    /**
     * How far an input lies from those of the training questions:
     *
     * <pre>s = log( (1/D) [ sum_i (u_i . x)^2 / (w_i / n) + (|x|^2 - sum_i (u_i . x)^2) / (rho / n) ] )</pre>
     *
     * @param x [D] from {@code offset} on; not modified
     * @throws IllegalArgumentException if there are fewer numbers
     */
    public double score(double[] x, int offset) {
        if (offset < 0 || x.length - offset < dimension) {
            throw new IllegalArgumentException(
                    "an input of " + dimension + " numbers expected, found " + (x.length - offset));
        }
        double left = 0;
        for (int j = 0; j < dimension; j++) {
            left += x[offset + j] * x[offset + j];
        }
        double sum = 0;
        for (int i = 0; i < w.length; i++) {
            double along = 0;
            for (int j = 0; j < dimension; j++) {
                along += u[i * dimension + j] * x[offset + j];
            }
            sum += along * along / w[i];
            left -= along * along;
        }
        if (w.length < dimension) {
            sum += Math.max(0, left) / rho;
        }
        return Math.log(Math.max(n * sum / dimension, Double.MIN_NORMAL));
    }
}
