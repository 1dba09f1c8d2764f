package io.calibrant.fitter.evidence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Naive;
import io.calibrant.fitter.linalg.Rows;
import java.util.Arrays;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockPosteriorTest {
    private static final int D = 19;
    private static final int R = 3;
    private static final int CONTRASTS = 4;

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 12, 19, 0})
    void shouldGiveTheDenseCovarianceByItsEigenpairs(int rank) {
        KroneckerFactor factor = factor(rank == 0 ? null : rank);
        double[] jacobian = Naive.random(77, CONTRASTS * R * D); // J_c [r, d]: small side first
        for (double lambda : new double[] {1e-3, 1, 1e5}) {
            BlockPosterior block = BlockPosterior.of("b", factor, true, lambda);
            double[] dense = denseCovariance(Dense.fisher(factor), jacobian, lambda);
            assertThat(Naive.relative(covariance(block, jacobian), dense)).isLessThan(1e-8);
        }
    }

    @Test
    void shouldCountTheComplementWithoutCurvatureWhereTheResidualIsOff() {
        KroneckerFactor factor = factor(5);
        BlockPosterior with = BlockPosterior.of("b", factor, true, 2);
        BlockPosterior without = BlockPosterior.of("b", factor, false, 2);
        assertThat(without.residual()).isZero();
        assertThat(without.residualPrecision(0)).isEqualTo(2);
        assertThat(with.residualPrecision(0)).isGreaterThan(2);
        assertThat(with.kept()).isEqualTo(5);
        assertThat(with.precision(0, 0)).isEqualTo(without.precision(0, 0));
    }

    @Test
    void shouldDecomposeAFullSideOfAThousandInReasonableTime() {
        int d = 1009;
        double[] rows = Naive.random(1, 40 * d);
        KroneckerFactor factor = KroneckerFactor.empty(d, R, null, Compression.TRUNCATE)
                .fold(new BatchSums(Rows.of(rows), 40, Naive.squaredNorm(rows), identity(), 40, 40, 0), 1);
        long start = System.nanoTime();
        BlockPosterior block = BlockPosterior.of("b", factor, true, 1);
        System.out.printf("full side of %d decomposed in %.2f s%n", d, (System.nanoTime() - start) / 1e9);
        assertThat(block.w()).hasSize(d);
        assertThat(Arrays.stream(block.w()).sum()).isCloseTo(Naive.squaredNorm(rows), within(1e-7));
        assertThat(block.w()[40]).isLessThan(1e-9 * block.w()[0]);
    }

    /** Method, section 6, written out. */
    private static double[] covariance(BlockPosterior block, double[] jacobian) {
        int k = block.kept();
        double[] cov = new double[CONTRASTS * CONTRASTS];
        double[][] projected = new double[CONTRASTS][];
        double[][] rest = new double[CONTRASTS][];
        for (int c = 0; c < CONTRASTS; c++) {
            double[] qj = new double[R * D]; // q_j^T J
            for (int j = 0; j < R; j++) {
                for (int x = 0; x < R; x++) {
                    for (int i = 0; i < D; i++) {
                        qj[j * D + i] += block.q()[j * R + x] * jacobian[(c * R + x) * D + i];
                    }
                }
            }
            projected[c] = new double[R * k];
            rest[c] = qj.clone();
            for (int j = 0; j < R; j++) {
                for (int e = 0; e < k; e++) {
                    for (int i = 0; i < D; i++) {
                        projected[c][j * k + e] += qj[j * D + i] * block.u()[e * D + i];
                    }
                    for (int i = 0; i < D; i++) {
                        rest[c][j * D + i] -= projected[c][j * k + e] * block.u()[e * D + i];
                    }
                }
            }
        }
        for (int c = 0; c < CONTRASTS; c++) {
            for (int e = 0; e < CONTRASTS; e++) {
                for (int j = 0; j < R; j++) {
                    for (int i = 0; i < k; i++) {
                        cov[c * CONTRASTS + e] +=
                                projected[c][j * k + i] * projected[e][j * k + i] / block.precision(i, j);
                    }
                    for (int i = 0; i < D; i++) {
                        cov[c * CONTRASTS + e] += rest[c][j * D + i] * rest[e][j * D + i] / block.residualPrecision(j);
                    }
                }
            }
        }
        return cov;
    }

    private static double[] denseCovariance(double[] fisher, double[] jacobian, double lambda) {
        int p = R * D;
        DMatrixRMaj precision = new DMatrixRMaj(p, p, true, fisher.clone());
        for (int i = 0; i < p; i++) {
            precision.add(i, i, lambda);
        }
        DMatrixRMaj j = new DMatrixRMaj(CONTRASTS, p, true, jacobian.clone());
        DMatrixRMaj solved = new DMatrixRMaj(p, CONTRASTS);
        assertThat(CommonOps_DDRM.solve(precision, CommonOps_DDRM.transpose(j, null), solved))
                .isTrue();
        DMatrixRMaj cov = new DMatrixRMaj(CONTRASTS, CONTRASTS);
        CommonOps_DDRM.mult(j, solved, cov);
        return cov.getData();
    }

    private static KroneckerFactor factor(Integer rank) {
        KroneckerFactor factor = KroneckerFactor.empty(D, R, rank, Compression.TRUNCATE);
        for (int b = 0; b < 4; b++) {
            double[] rows = Naive.random(b, 7 * D);
            double[] g = Naive.random(50 + b, 7 * R);
            factor = factor.fold(
                    new BatchSums(Rows.of(rows), 7, Naive.squaredNorm(rows), Naive.outer(g, 7, R), 7, 2, -1), 1);
        }
        return factor;
    }

    private static double[] identity() {
        double[] one = new double[R * R];
        for (int i = 0; i < R; i++) {
            one[i * R + i] = 1;
        }
        return one;
    }
}
