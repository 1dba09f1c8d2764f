package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.TestDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Primes for every extent; the naive twin sums R^T R of all batches in double precision. */
class CurvatureFoldTest {
    private static final int D = 37;
    private static final int K = 3;
    private static final double GAMMA = 0.8;

    private final NDManager manager = NDManager.newBaseManager(TestDevice.get());

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void shouldPassASingleBatchOnAsItIs() {
        BatchCurvature batch = batch(1, 5);

        CurvatureSum sum =
                new CurvatureFold(1, GAMMA, K, "r", manager).add(7, batch).orElseThrow();

        assertThat(sum.blocks()).isEqualTo(batch.blocks());
        assertThat(sum.batches()).isEqualTo(1);
        assertThat(sum.forgetting()).isEqualTo(GAMMA);
    }

    @Test
    void shouldForgetBatchesAmongThemselves() {
        CurvatureFold fold = new CurvatureFold(3, GAMMA, null, "r", manager);
        List<BatchCurvature> batches = List.of(batch(1, 5), batch(2, 7), batch(3, 2));

        assertThat(fold.add(4, batches.get(0))).isEmpty();
        assertThat(fold.add(5, batches.get(1))).isEmpty();
        CurvatureSum sum = fold.add(6, batches.get(2)).orElseThrow();

        assertThat(fold.first()).isEqualTo(4);
        assertThat(sum.forgetting()).isCloseTo(GAMMA * GAMMA * GAMMA, within(1e-15));
        assertThat(sum.examples()).isCloseTo(2 * GAMMA * GAMMA + 2 * GAMMA + 2, within(1e-12));
        assertThat(sum.logLikelihood()).isCloseTo(-1 * GAMMA * GAMMA - 2 * GAMMA - 3, within(1e-12));
        for (int i = 0; i < 2; i++) {
            double[] large = new double[D * D];
            double[] small = new double[4];
            double n = 0;
            double trace = 0;
            for (BatchCurvature batch : batches) {
                BlockStatistics block = batch.blocks().get(i);
                double[] gram = gram(block.rows());
                for (int j = 0; j < large.length; j++) {
                    large[j] = GAMMA * large[j] + gram[j];
                }
                for (int j = 0; j < small.length; j++) {
                    small[j] = GAMMA * small[j] + block.small()[j];
                }
                n = GAMMA * n + block.n();
                trace = GAMMA * trace + block.rows().trace();
            }
            BlockStatistics folded = sum.blocks().get(i);
            assertThat(folded.rows().count()).isEqualTo(14);
            assertThat(Sums.distance(gram(folded.rows()), large)).isLessThan(1e-6);
            assertThat(folded.small()).containsExactly(small, within(1e-12));
            assertThat(folded.n()).isCloseTo(n, within(1e-12));
            assertThat(folded.rows().trace()).isCloseTo(trace, within(1e-9 * trace));
        }
    }

    @Test
    void shouldKeepNearlyTheBestRowsOfManyBatchesAndTheExactTrace() {
        for (double gamma : new double[] {1, GAMMA}) {
            CurvatureFold fold = new CurvatureFold(16, gamma, K, "r", manager);
            double[] exact = new double[D * D];
            double trace = 0;
            Optional<CurvatureSum> sum = Optional.empty();
            for (int b = 0; b < 16; b++) {
                BatchCurvature batch = batch(b, 6);
                double[] gram = gram(batch.blocks().get(0).rows());
                for (int i = 0; i < exact.length; i++) {
                    exact[i] = gamma * exact[i] + gram[i];
                }
                trace = gamma * trace + batch.blocks().get(0).rows().trace();
                sum = fold.add(b, batch);
            }

            FactorRows rows = sum.orElseThrow().blocks().get(0).rows();
            assertThat(rows.count()).isEqualTo(2 * K);
            assertThat(rows.trace()).isCloseTo(trace, within(1e-9 * trace));
            double[] kept = new GramEigen(gram(rows), D).scaled(0, 0.5);
            double[] best = new GramEigen(exact, D).scaled(0, 0.5);
            double energy = energy(kept);
            double bestEnergy = energyOfLargest(best, 2 * K);
            System.out.printf(
                    "16 batches folded, gamma %.1f: energy %.5f of the best %d rows'%n",
                    gamma, energy / bestEnergy, 2 * K);
            assertThat(energy / bestEnergy).isBetween(0.98, 1 + 1e-6);
        }
    }

    @Test
    void shouldLeaveRowsThatBlocksShareShared() {
        CurvatureFold fold = new CurvatureFold(2, GAMMA, K, "r", manager);
        fold.add(0, batch(1, 5));

        CurvatureSum sum = fold.add(1, batch(2, 5)).orElseThrow();

        assertThat(sum.blocks().get(2).rows()).isSameAs(sum.blocks().get(0).rows());
        assertThat(sum.blocks().get(1).rows()).isNotSameAs(sum.blocks().get(0).rows());
        assertThat(sum.bytes()).isEqualTo(2 * 4L * 2 * K * D + 3 * 8 * 4);
    }

    @Test
    void shouldGiveTheRestAndBeginAnewByteForByteTheSame() {
        CurvatureFold fold = new CurvatureFold(5, GAMMA, K, "r", manager);
        fold.add(0, batch(1, 9));
        fold.add(1, batch(2, 9));

        CurvatureSum rest = fold.rest().orElseThrow();
        assertThat(rest.batches()).isEqualTo(2);
        assertThat(rest.forgetting()).isCloseTo(GAMMA * GAMMA, within(1e-15));
        assertThat(fold.rest()).isEmpty();

        fold.add(0, batch(1, 9));
        fold.add(1, batch(2, 9));
        CurvatureSum again = fold.rest().orElseThrow();
        assertThat(again.blocks().get(0).rows().values())
                .isEqualTo(rest.blocks().get(0).rows().values());
        assertThat(again.examples()).isEqualTo(rest.examples());
    }

    /** Three blocks, the first and the last with the same rows; a few directions are strong. */
    private static BatchCurvature batch(int seed, int rows) {
        Random random = new Random(seed);
        FactorRows shared = rows(random, rows);
        List<BlockStatistics> blocks = new ArrayList<>();
        blocks.add(new BlockStatistics("q.lora_A", shared, small(random), 2, rows));
        blocks.add(new BlockStatistics("q.lora_B", rows(random, rows), small(random), 2, rows));
        blocks.add(new BlockStatistics("v.lora_A", shared, small(random), 2, rows));
        return new BatchCurvature(blocks, List.of(), 2, -seed, 1);
    }

    private static FactorRows rows(Random random, int count) {
        float[] values = new float[count * D];
        double trace = 0;
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(1 + i % D, -1.5));
            trace += (double) values[i] * values[i];
        }
        return new FactorRows(values, count, D, trace);
    }

    private static double[] small(Random random) {
        double a = random.nextDouble();
        return new double[] {2 + a, a, a, 2 - a};
    }

    private static double[] gram(FactorRows rows) {
        double[] gram = new double[D * D];
        for (int m = 0; m < rows.count(); m++) {
            for (int i = 0; i < D; i++) {
                for (int j = 0; j < D; j++) {
                    gram[i * D + j] += (double) rows.values()[m * D + i] * rows.values()[m * D + j];
                }
            }
        }
        return gram;
    }

    private static double energy(double[] scaledRows) {
        double sum = 0;
        for (double value : scaledRows) {
            sum += value * value;
        }
        return sum;
    }

    private static double energyOfLargest(double[] scaledRows, int count) {
        List<Double> energies = new ArrayList<>();
        for (int i = 0; i < scaledRows.length / D; i++) {
            energies.add(energy(java.util.Arrays.copyOfRange(scaledRows, i * D, (i + 1) * D)));
        }
        return energies.stream()
                .sorted((a, b) -> Double.compare(b, a))
                .limit(count)
                .mapToDouble(Double::doubleValue)
                .sum();
    }
}
