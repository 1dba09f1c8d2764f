package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Primes for every extent; the naive twin is an eigendecomposition of the whole R^T R in double precision. */
class RowReductionTest {
    private static final int K = 5;
    private final NDManager manager = NDManager.newBaseManager(TestDevice.get());

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void shouldSendFewRowsAsTheyAre() {
        float[] values = random(10, 37, 1);

        FactorRows rows = RowReduction.reduce(manager.create(values, new Shape(10, 37)), K, RowReduction.THOROUGH, 7);

        assertThat(rows.values()).isEqualTo(values);
        assertThat(rows.count()).isEqualTo(10);
        assertThat(rows.trace()).isCloseTo(trace(gram(values, 10, 37), 37), within(1e-10));
    }

    @Test
    void shouldSendAllRowsUnreducedWithoutARank() {
        float[] values = random(101, 7, 1);

        FactorRows rows =
                RowReduction.reduce(manager.create(values, new Shape(101, 7)), null, RowReduction.THOROUGH, 7);

        assertThat(rows.values()).isEqualTo(values);
        assertThat(rows.count()).isEqualTo(101);
    }

    @Test
    void shouldSendAnExactRootWhereTheLargeSideIsNarrow() {
        float[] values = random(101, 7, 1);
        double[] exact = gram(values, 101, 7);

        FactorRows rows = RowReduction.reduce(manager.create(values, new Shape(101, 7)), K, RowReduction.THOROUGH, 7);

        assertThat(rows.count()).isEqualTo(7);
        assertThat(relative(gram(rows.values(), 7, 7), exact)).isLessThan(1e-6);
        assertThat(rows.trace()).isCloseTo(trace(exact, 7), within(1e-9 * trace(exact, 7)));
    }

    @Test
    void shouldKeepNearlyTheEnergyOfTheBestRowsAndTheExactTrace() {
        for (double decay : new double[] {0, 0.5, 1, 2}) {
            float[] values = powerLaw(113, 67, decay, 3);
            double[] exact = gram(values, 113, 67);
            double[] spectrum = spectrum(exact, 67);
            double best = Arrays.stream(spectrum).limit(2 * K).sum();

            FactorRows rows =
                    RowReduction.reduce(manager.create(values, new Shape(113, 67)), K, RowReduction.THOROUGH, 7);

            assertThat(rows.count()).isEqualTo(2 * K);
            double captured = trace(gram(rows.values(), rows.count(), 67), 67);
            System.out.printf("decay %.1f: captured %.4f of the best %d rows%n", decay, captured / best, 2 * K);
            // white noise has no leading directions: any twenty are almost as good as the best
            assertThat(captured).isBetween((decay == 0 ? 0.85 : 0.97) * best, best * (1 + 1e-6));
            assertThat(rows.trace()).isCloseTo(trace(exact, 67), within(1e-6 * trace(exact, 67)));
        }
    }

    @Test
    void shouldReturnRowsThatTheOriginalOnesCover() {
        // Q^T R with orthonormal Q never says more than R: R^T R - rows^T rows has no negative eigenvalue
        float[] values = powerLaw(113, 67, 1, 3);
        double[] difference = gram(values, 113, 67);

        FactorRows rows = RowReduction.reduce(manager.create(values, new Shape(113, 67)), K, RowReduction.THOROUGH, 7);
        double[] reduced = gram(rows.values(), rows.count(), 67);
        for (int i = 0; i < difference.length; i++) {
            difference[i] -= reduced[i];
        }

        double[] spectrum = spectrum(difference, 67);
        assertThat(spectrum[66]).isGreaterThan(-1e-6 * spectrum(gram(values, 113, 67), 67)[0]);
    }

    @Test
    void shouldWorkOnRowsOfLowRankAndScale() {
        for (float scale : new float[] {1e-15f, 1e-12f, 1, 1e6f}) {
            // rank 3 in 113 x 67
            float[] left = random(113, 3, 5);
            float[] right = random(3, 67, 6);
            float[] values = new float[113 * 67];
            for (int i = 0; i < 113; i++) {
                for (int j = 0; j < 67; j++) {
                    for (int c = 0; c < 3; c++) {
                        values[i * 67 + j] += scale * left[i * 3 + c] * right[c * 67 + j];
                    }
                }
            }

            FactorRows rows =
                    RowReduction.reduce(manager.create(values, new Shape(113, 67)), K, RowReduction.THOROUGH, 7);

            assertThat(rows.count()).isBetween(3, 2 * K);
            assertThat(relative(gram(rows.values(), rows.count(), 67), gram(values, 113, 67)))
                    .isLessThan(1e-5);
        }
    }

    @Test
    void shouldKeepNearlyAsMuchWithOneStepAsWithTwo() {
        for (double decay : new double[] {0.5, 1, 2}) {
            NDArray rows = manager.create(powerLaw(113, 67, decay, 3), new Shape(113, 67));

            FactorRows quick = RowReduction.reduce(rows, K, RowReduction.QUICK, 7);
            FactorRows thorough = RowReduction.reduce(rows, K, RowReduction.THOROUGH, 7);

            double share = trace(gram(quick.values(), quick.count(), 67), 67)
                    / trace(gram(thorough.values(), thorough.count(), 67), 67);
            System.out.printf("decay %.1f: one step keeps %.4f of what two keep%n", decay, share);
            assertThat(quick.count()).isEqualTo(2 * K);
            // the flatter the spectrum the more a step adds, and the less it matters which directions are kept
            assertThat(share).isBetween(0.95, 1.0);
        }
    }

    @Test
    void shouldKeepDirectionsThatAreMuchSmallerThanTheFirst() {
        // twenty orthogonal rows, thrice, of sizes that fall to this: all of them are to come back, the last as the
        // first
        keepsDirectionsOfSize(1e-2, RowReduction.QUICK);
        keepsDirectionsOfSize(1e-3, RowReduction.THOROUGH);
    }

    private void keepsDirectionsOfSize(double smallest, int powerSteps) {
        float[] values = new float[3 * 20 * 67];
        double[] exact = new double[20];
        for (int i = 0; i < 60; i++) {
            int j = i % 20;
            values[i * 67 + j] = (float) Math.pow(smallest, j / 19.0);
            exact[j] += (double) values[i * 67 + j] * values[i * 67 + j];
        }

        FactorRows rows = RowReduction.reduce(manager.create(values, new Shape(60, 67)), 10, powerSteps, 7);

        double[] found = gram(rows.values(), rows.count(), 67);
        for (int j = 0; j < 20; j++) {
            assertThat(found[j * 67 + j])
                    .as(powerSteps + " steps, direction " + j)
                    .isCloseTo(exact[j], within(0.01 * exact[j]));
        }
    }

    @Test
    void shouldReduceZeroRowsToNone() {
        FactorRows zero = RowReduction.reduce(manager.zeros(new Shape(113, 67)), K, RowReduction.THOROUGH, 7);
        assertThat(zero.count()).isZero();
        assertThat(zero.width()).isEqualTo(67);
        assertThat(zero.trace()).isZero();

        FactorRows none = RowReduction.reduce(manager.zeros(new Shape(0, 67)), K, RowReduction.THOROUGH, 7);
        assertThat(none.count()).isZero();
        assertThat(none.width()).isEqualTo(67);

        FactorRows narrow = RowReduction.reduce(manager.zeros(new Shape(113, 7)), K, RowReduction.THOROUGH, 7);
        assertThat(narrow.count()).isZero();
    }

    @Test
    void shouldGiveTheSameBytesForTheSameSeedAndOthersForAnother() {
        NDArray rows = manager.create(powerLaw(113, 67, 0.5, 3), new Shape(113, 67));

        float[] first = RowReduction.reduce(rows, K, RowReduction.THOROUGH, 7).values();

        assertThat(RowReduction.reduce(rows, K, RowReduction.THOROUGH, 7).values())
                .isEqualTo(first);
        assertThat(RowReduction.reduce(rows, K, RowReduction.THOROUGH, 8).values())
                .isNotEqualTo(first);
    }

    /** As one batched product, but for those that one Cholesky does not do: they are reduced alone. */
    @ParameterizedTest
    @ValueSource(ints = {RowReduction.QUICK, RowReduction.THOROUGH})
    void shouldReduceSeveralBlocksTogetherAsEachAlone(int powerSteps) {
        float[] dependent = powerLaw(113, 67, 0, 9);
        for (int i = 3 * 67; i < dependent.length; i++) {
            dependent[i] = dependent[i % (3 * 67)];
        }
        List<NDArray> blocks = List.of(
                manager.create(powerLaw(113, 67, 0.5, 3), new Shape(113, 67)),
                manager.zeros(new Shape(113, 67)),
                manager.create(powerLaw(113, 67, 2, 4), new Shape(113, 67)).mul(1e-9f),
                manager.create(dependent, new Shape(113, 67)),
                manager.create(powerLaw(113, 67, 1, 5), new Shape(113, 67)).mul(1e6f));

        List<FactorRows> together = RowReduction.reduceAll(blocks, K, powerSteps, new long[] {7, 8, 9, 10, 11});

        assertThat(together).hasSize(5);
        for (int i = 0; i < 5; i++) {
            FactorRows alone = RowReduction.reduce(blocks.get(i), K, powerSteps, 7 + i);
            FactorRows with = together.get(i);
            assertThat(with.count()).as("block " + i).isEqualTo(alone.count());
            assertThat(with.trace()).as("block " + i).isCloseTo(alone.trace(), withinPercentage(1e-5));
            if (alone.count() > 0) {
                assertThat(relative(gram(with.values(), with.count(), 67), gram(alone.values(), alone.count(), 67)))
                        .as("block " + i)
                        .isLessThan(1e-5);
            }
        }
        assertThat(together.get(1).count()).isZero();
        assertThat(together.get(3).count()).isEqualTo(3);
        assertThat(together.get(0).count()).isEqualTo(2 * K);
    }

    @Test
    void shouldReduceNothingTogetherThatIsNotReducedAlone() {
        for (Shape shape : List.of(new Shape(10, 37), new Shape(101, 7))) {
            int size = Math.toIntExact(shape.size());
            List<NDArray> blocks =
                    List.of(manager.create(random(size, 1, 1), shape), manager.create(random(size, 1, 2), shape));
            for (int i = 0; i < 2; i++) {
                assertThat(RowReduction.reduceAll(blocks, K, RowReduction.QUICK, new long[] {7, 8})
                                .get(i)
                                .values())
                        .isEqualTo(RowReduction.reduce(blocks.get(i), K, RowReduction.QUICK, 7 + i)
                                .values());
            }
        }
    }

    @Test
    void shouldLeaveNothingBehindOnTheDevice() {
        NDArray rows = manager.create(powerLaw(113, 67, 0.5, 3), new Shape(113, 67));
        int before = manager.getManagedArrays().size();

        RowReduction.reduce(rows, K, RowReduction.THOROUGH, 7);
        RowReduction.reduceAll(List.of(rows, rows), K, RowReduction.THOROUGH, new long[] {7, 8});

        assertThat(manager.getManagedArrays()).hasSize(before);
    }

    private static float[] random(int m, int d, long seed) {
        Random random = new Random(seed);
        float[] values = new float[m * d];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** Gaussian rows whose columns shrink as (1 + j)^-decay, rotated by nothing: the method does not see the axes. */
    private static float[] powerLaw(int m, int d, double decay, long seed) {
        float[] values = random(m, d, seed);
        for (int i = 0; i < values.length; i++) {
            values[i] *= (float) Math.pow(1 + i % d, -decay);
        }
        return values;
    }

    private static double[] gram(float[] rows, int m, int d) {
        double[] gram = new double[d * d];
        for (int i = 0; i < m; i++) {
            for (int a = 0; a < d; a++) {
                for (int b = 0; b < d; b++) {
                    gram[a * d + b] += (double) rows[i * d + a] * rows[i * d + b];
                }
            }
        }
        return gram;
    }

    private static double trace(double[] matrix, int d) {
        double trace = 0;
        for (int i = 0; i < d; i++) {
            trace += matrix[i * d + i];
        }
        return trace;
    }

    private static double relative(double[] actual, double[] expected) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < actual.length; i++) {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return Math.sqrt(difference / norm);
    }

    /** Descending. */
    private static double[] spectrum(double[] matrix, int d) {
        var eigen = org.ejml.dense.row.factory.DecompositionFactory_DDRM.eig(d, false, true);
        eigen.decompose(org.ejml.data.DMatrixRMaj.wrap(d, d, matrix.clone()));
        double[] values = new double[d];
        for (int i = 0; i < d; i++) {
            values[i] = -eigen.getEigenvalue(i).getReal();
        }
        Arrays.sort(values);
        for (int i = 0; i < d; i++) {
            values[i] = -values[i];
        }
        return values;
    }
}
