package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.scorer.TestDevice;
import java.util.Random;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.RealMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BlockProjectionTest {
    private static final int B = 2;
    private static final int CONTRASTS = 3;
    private static final int R = 3;
    private static final int D = 7;
    private static final double N = 13;

    @ParameterizedTest
    @CsvSource({"7, false", "7, true", "4, false", "4, true", "1, true", "0, true"})
    void shouldMeetTheDenseInverse(int rank, boolean residual) {
        for (double lambda : new double[] {1e-4, 1, 1e6}) {
            double[] j = jacobian(1);
            BlockPosterior posterior = BlockPosteriors.of(
                    "b", BlockPosteriors.sum(D, 20, 2), BlockPosteriors.sum(R, 20, 3), rank, residual, N, lambda);

            ContrastGrams grams = grams(posterior, j, DataType.FLOAT64);

            for (int b = 0; b < B; b++) {
                RealMatrix rows = rows(j, b);
                RealMatrix dense = rows.multiply(BlockPosteriors.inversePrecision(posterior))
                        .multiply(rows.transpose());
                double[][] covariance =
                        grams.predictive(b, new double[CONTRASTS]).covariance();
                for (int c = 0; c < CONTRASTS; c++) {
                    for (int e = 0; e < CONTRASTS; e++) {
                        double scale = Math.sqrt(dense.getEntry(c, c) * dense.getEntry(e, e));
                        assertThat(covariance[c][e]).isEqualTo(dense.getEntry(c, e), within(1e-8 * scale));
                    }
                }
            }
        }
    }

    @Test
    void shouldKeepItsDigitsInSinglePrecisionWhereCurvatureDwarfsThePrior() {
        // Prior minus correction in float32 gives negative variances here: J J^T / lambda is 1e10 times the result.
        double[] j = jacobian(4);
        double[] large = BlockPosteriors.sum(D, 20, 5);
        for (int i = 0; i < large.length; i++) {
            large[i] *= 1e6;
        }
        BlockPosterior posterior = BlockPosteriors.of("b", large, BlockPosteriors.sum(R, 20, 6), D, true, N, 1e-5);

        double[][] wide = grams(posterior, j, DataType.FLOAT64)
                .predictive(0, new double[CONTRASTS])
                .covariance();
        double[][] narrow = grams(posterior, j, DataType.FLOAT32)
                .predictive(0, new double[CONTRASTS])
                .covariance();

        for (int c = 0; c < CONTRASTS; c++) {
            assertThat(narrow[c][c]).isPositive().isEqualTo(wide[c][c], within(1e-3 * wide[c][c]));
        }
    }

    @Test
    void shouldGiveThePriorAndNoveltyOneWhereThereIsNoCurvature() {
        double[] j = jacobian(7);
        BlockPosterior posterior = BlockPosteriors.of("b", new double[D * D], new double[R * R], D, true, N, 4);

        Predictive predictive = grams(posterior, j, DataType.FLOAT64).predictive(1, new double[CONTRASTS]);

        RealMatrix rows = rows(j, 1);
        assertThat(predictive.covariance()[0][0])
                .isEqualTo(rows.getRowVector(0).dotProduct(rows.getRowVector(0)) / 4, within(1e-12));
        assertThat(predictive.novelty()).isEqualTo(1, within(1e-12));
    }

    @ParameterizedTest
    @ValueSource(strings = {"FLOAT32", "FLOAT64"})
    void shouldKeepNoveltyWithinItsRangeFallingWithDataAndRisingWithThePrior(String type) {
        DataType dtype = DataType.valueOf(type);
        double[] j = jacobian(8);
        double last = 1;
        for (int rows : new int[] {1, 4, 16, 64}) {
            // The same first rows each time: data is added.
            double novelty = grams(
                            BlockPosteriors.of(
                                    "b",
                                    BlockPosteriors.sum(D, rows, 9),
                                    BlockPosteriors.sum(R, rows, 10),
                                    D,
                                    true,
                                    4,
                                    1),
                            j,
                            dtype)
                    .predictive(0, new double[CONTRASTS])
                    .novelty();
            assertThat(novelty).isPositive().isLessThan(last);
            last = novelty;
        }
        for (double lambda : new double[] {1, 1e2, 1e4, 1e8}) {
            double novelty = grams(
                            BlockPosteriors.of(
                                    "b",
                                    BlockPosteriors.sum(D, 64, 9),
                                    BlockPosteriors.sum(R, 64, 10),
                                    D,
                                    true,
                                    4,
                                    lambda),
                            j,
                            dtype)
                    .predictive(0, new double[CONTRASTS])
                    .novelty();
            assertThat(novelty).isGreaterThanOrEqualTo(last).isLessThanOrEqualTo(1);
            last = novelty;
        }
        assertThat(last).isEqualTo(1, within(1e-4));
    }

    @Test
    void shouldNotSeeWhichClassIsTheReference() {
        // Contrasts against another class: y'_c = y_c - y_0, and the old reference -y_0.
        double[] j = jacobian(11);
        int size = R * D;
        double[] other = new double[j.length];
        for (int b = 0; b < B; b++) {
            for (int i = 0; i < size; i++) {
                double first = j[b * CONTRASTS * size + i];
                for (int c = 1; c < CONTRASTS; c++) {
                    other[(b * CONTRASTS + c) * size + i] = j[(b * CONTRASTS + c) * size + i] - first;
                }
                other[b * CONTRASTS * size + i] = -first;
            }
        }
        BlockPosterior posterior = BlockPosteriors.of(
                "b", BlockPosteriors.sum(D, 20, 12), BlockPosteriors.sum(R, 20, 13), 3, true, N, 0.5);
        for (int b = 0; b < B; b++) {
            double novelty = grams(posterior, j, DataType.FLOAT64)
                    .predictive(b, new double[CONTRASTS])
                    .novelty();
            assertThat(grams(posterior, other, DataType.FLOAT64)
                            .predictive(b, new double[CONTRASTS])
                            .novelty())
                    .isEqualTo(novelty, within(1e-12));
        }
    }

    @Test
    void shouldCallAQuestionWithoutGradientAsNewAsCanBe() {
        Predictive predictive = new ContrastGrams(1, 2).predictive(0, new double[] {1, 2});
        assertThat(predictive.novelty()).isEqualTo(1);
        assertThat(predictive.covariance()[0]).containsExactly(0, 0);
    }

    private static ContrastGrams grams(BlockPosterior posterior, double[] j, DataType type) {
        ContrastGrams grams = new ContrastGrams(B, CONTRASTS);
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get());
                BlockProjection projection = new BlockProjection(manager, type, posterior)) {
            NDArray jacobian = manager.create(j, new Shape(B, CONTRASTS, R, D)).toType(type, false);
            projection.add(jacobian, grams);
        }
        return grams;
    }

    private static RealMatrix rows(double[] j, int question) {
        RealMatrix rows = new Array2DRowRealMatrix(CONTRASTS, R * D);
        for (int c = 0; c < CONTRASTS; c++) {
            for (int i = 0; i < R * D; i++) {
                rows.setEntry(c, i, j[(question * CONTRASTS + c) * R * D + i]);
            }
        }
        return rows;
    }

    private static double[] jacobian(long seed) {
        Random random = new Random(seed);
        double[] j = new double[B * CONTRASTS * R * D];
        for (int i = 0; i < j.length; i++) {
            j[i] = random.nextGaussian();
        }
        return j;
    }
}
