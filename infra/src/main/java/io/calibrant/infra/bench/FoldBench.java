package io.calibrant.infra.bench;

import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.fitter.linalg.Rows;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import org.bytedeco.openblas.global.openblas;

/**
 * One fold of rows R [m, d] into columns L [d, k], against the truncated SVD of M = [L R^T] that the public code runs
 * (LAPACK's gesdd, then the first k columns of U times their singular values), on one thread and on the same matrix.
 *
 * <p>Two ways of the fold: the fitter's own, and the same products and eigenproblem by OpenBLAS, which is also the
 * SVD's.
 */
final class FoldBench {
    private static final int D = 4096;
    private static final int K = 10;
    private static final int M = 20;
    private static final int P = K + M;
    private static final int REPETITIONS = 300;

    private final double[] stacked = new double[P * D]; // [p, d] row-major is [d, p] column-major: M as LAPACK takes it
    private final float[] narrow = new float[P * D];
    private final double[] result = new double[K * D];
    private final float[] narrowResult = new float[K * D];

    private FoldBench() {}

    /** Against the SVD where there is an OpenBLAS for this platform; the fitter itself needs none. */
    static void run(Consumer<Figure> figures, Consumer<String> notes) {
        new FoldBench().measure(figures, notes);
    }

    private void measure(Consumer<Figure> figures, Consumer<String> notes) {
        Random random = new Random(0);
        double[] first = gaussian(random);
        Columns columns = (Columns) LargeSide.empty(D, K).fold(Rows.of(first), M, 2 * squared(first), 1);
        double[] rows = gaussian(random);
        double trace = squared(rows);
        Rows wire = wire(rows);
        double fold = Timing.seconds(REPETITIONS, () -> columns.fold(wire, M, trace, 1));
        figures.accept(Figure.absolute("fitter.fold.us", 1e6 * fold, "us"));
        try {
            openblas.blas_set_num_threads(1);
        } catch (LinkageError e) {
            notes.accept("no OpenBLAS for this platform: the fold is not compared with LAPACK's SVD");
            return;
        }
        System.arraycopy(columns.columns(), 0, stacked, 0, K * D);
        System.arraycopy(rows, 0, stacked, K * D, M * D);
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) stacked[i];
        }
        double[] w = columns.fold(wire, M, trace, 1).spectrum().values();
        double[] svd = svd();
        for (int i = 0; i < K; i++) {
            if (Math.abs(svd[i] * svd[i] - w[i]) > 1e-9 * w[0]) {
                throw new IllegalStateException("the fold is not the truncated SVD: " + Arrays.toString(w));
            }
        }

        double gram = Timing.seconds(REPETITIONS, this::gram);
        double narrowGram = Timing.seconds(REPETITIONS, this::narrowGram);
        double wide = Timing.seconds(REPETITIONS, this::svd);
        double slim = Timing.seconds(REPETITIONS, this::narrowSvd);
        figures.accept(speedup("fitter.fold_speedup_over_svd", wide, "the fitter's fold, both in float64", fold));
        figures.accept(speedup("fitter.fold_openblas_speedup_over_svd", wide, "the fold by OpenBLAS, float64", gram));
        figures.accept(
                speedup("fitter.fold_float32_speedup_over_svd", slim, "the fold by OpenBLAS, float32", narrowGram));
    }

    private static Figure speedup(String name, double svd, String what, double fold) {
        return Figure.ratio(name, 1e6 * svd, what + ", against gesdd", 1e6 * fold, "us");
    }

    private static double[] gaussian(Random random) {
        double[] rows = new double[M * D];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = (float) (random.nextGaussian() / (1 + i / D));
        }
        return rows;
    }

    /** The same, float32 as statistics are sent. */
    private static Rows wire(double[] rows) {
        ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * rows.length).order(ByteOrder.LITTLE_ENDIAN);
        for (double x : rows) {
            bytes.putFloat((float) x);
        }
        return Rows.ofFloats(bytes.flip());
    }

    private static double squared(double[] rows) {
        return Arrays.stream(rows).map(x -> x * x).sum();
    }

    /** The truncated SVD; the singular values. */
    private double[] svd() {
        double[] m = stacked.clone(); // gesdd overwrites it
        double[] s = new double[P];
        double[] u = new double[D * P];
        int info = openblas.LAPACKE_dgesdd(
                openblas.LAPACK_COL_MAJOR, (byte) 'S', D, P, m, D, s, u, D, new double[P * P], P);
        check(info);
        for (int i = 0; i < K * D; i++) {
            result[i] = s[i / D] * u[i];
        }
        return s;
    }

    private void narrowSvd() {
        float[] m = narrow.clone();
        float[] s = new float[P];
        float[] u = new float[D * P];
        check(openblas.LAPACKE_sgesdd(openblas.LAPACK_COL_MAJOR, (byte) 'S', D, P, m, D, s, u, D, new float[P * P], P));
        for (int i = 0; i < K * D; i++) {
            narrowResult[i] = s[i / D] * u[i];
        }
    }

    /** The fold of method.md, section 3, with the copy of L and R that the fitter's fold makes, too. */
    private void gram() {
        double[] m = stacked.clone();
        double[] k = new double[P * P];
        openblas.cblas_dsyrk(
                openblas.CblasRowMajor, openblas.CblasUpper, openblas.CblasNoTrans, P, D, 1, m, D, 0, k, P);
        double[] w = new double[P];
        check(openblas.LAPACKE_dsyevd(openblas.LAPACK_ROW_MAJOR, (byte) 'V', (byte) 'U', P, k, P, w));
        // k is [p, p] with the eigenvectors in its columns, ascending: the last K of them
        openblas.cblas_dgemm(
                openblas.CblasRowMajor,
                openblas.CblasTrans,
                openblas.CblasNoTrans,
                K,
                D,
                P,
                1,
                shifted(k),
                P,
                m,
                D,
                0,
                result,
                D);
    }

    private void narrowGram() {
        float[] m = narrow.clone();
        float[] k = new float[P * P];
        openblas.cblas_ssyrk(
                openblas.CblasRowMajor, openblas.CblasUpper, openblas.CblasNoTrans, P, D, 1, m, D, 0, k, P);
        double[] wide = new double[P * P];
        for (int i = 0; i < k.length; i++) {
            wide[i] = k[i];
        }
        check(openblas.LAPACKE_dsyevd(openblas.LAPACK_ROW_MAJOR, (byte) 'V', (byte) 'U', P, wide, P, new double[P]));
        double[] last = shifted(wide);
        for (int i = 0; i < k.length; i++) {
            k[i] = (float) last[i];
        }
        openblas.cblas_sgemm(
                openblas.CblasRowMajor,
                openblas.CblasTrans,
                openblas.CblasNoTrans,
                K,
                D,
                P,
                1,
                k,
                P,
                m,
                D,
                0,
                narrowResult,
                D);
    }

    /** The last K columns first, descending. */
    private static double[] shifted(double[] vectors) {
        double[] shifted = new double[P * P];
        for (int i = 0; i < P; i++) {
            for (int j = 0; j < K; j++) {
                shifted[i * P + j] = vectors[i * P + P - 1 - j];
            }
        }
        return shifted;
    }

    private static void check(int info) {
        if (info != 0) {
            throw new IllegalStateException("LAPACK gave up with code " + info);
        }
    }
}
