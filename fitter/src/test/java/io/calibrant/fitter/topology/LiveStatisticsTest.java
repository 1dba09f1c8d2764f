package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Naive;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Statistics;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Statistics of a run whose weights still move: without an end, and forgetting. */
class LiveStatisticsTest {
    private static final double GAMMA = 0.75;

    @TempDir
    Path stateDir;

    /** The twin: every batch's sums times gamma to the power of how many came after it, dense. */
    private static final class Weighted {
        double[] large;
        double[] small;
        double n;
        double examples;
        double trace;
        double logLikelihood;

        Weighted(Block block, int batches) {
            int d = Pass.d(block);
            int r = Pass.r(block);
            large = new double[d * d];
            small = new double[r * r];
            for (int i = 0; i < batches; i++) {
                BatchSums sums = Pass.sums(block, i);
                double weight = Math.pow(GAMMA, batches - 1.0 - i);
                large = Naive.plus(
                        large, Naive.times(weight, Naive.outer(sums.rows().doubles(), sums.m(), d)));
                small = Naive.plus(small, Naive.times(weight, sums.small()));
                n += weight * sums.n();
                examples += weight * sums.examples();
                trace += weight * sums.trace();
                logLikelihood += weight * sums.logLikelihood();
            }
        }
    }

    @Test
    void shouldForgetWhatWasBeforeAsADenseWeightedSumDoes() {
        int batches = 32; // the last one brings the factors out
        try (Driver driver = driver(null)) {
            for (int batch = 0; batch < batches; batch++) {
                for (Block block : Pass.BLOCKS) {
                    driver.send(Pass.key(block), live(block, batch, batch, GAMMA));
                }
            }
            Map<String, Factor> factors = driver.factors();
            for (Block block : Pass.BLOCKS) {
                shouldBe(factors.get(Pass.factorKey(block)), new Weighted(block, batches));
            }
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    @Test
    void shouldForgetInColumnsWhileNothingIsTruncated() {
        int batches = 5;
        KroneckerFactor factor = KroneckerFactor.empty(Pass.d(Pass.A), Pass.r(Pass.A), 40, Compression.TRUNCATE);
        for (int batch = 0; batch < batches; batch++) {
            factor = factor.fold(Pass.sums(Pass.A, batch), GAMMA);
        }
        assertThat(factor.large()).isInstanceOf(Columns.class);
        Weighted twin = new Weighted(Pass.A, batches);
        Columns columns = (Columns) factor.large();
        assertThat(Naive.relative(Naive.outer(columns.columns(), columns.count(), columns.dimension()), twin.large))
                .isLessThan(1e-12);
        assertThat(columns.trace()).isCloseTo(twin.trace, within(1e-12 * twin.trace));
    }

    @Test
    void shouldScaleALivePosteriorToAllTrainingQuestionsHoweverMuchIsForgotten() {
        try (Driver driver = driver(null)) {
            for (int batch = 0; batch < 6; batch++) {
                for (Block block : Pass.BLOCKS) {
                    driver.send(Pass.key(block), live(block, batch, batch, GAMMA));
                }
            }
            Posterior last = last(driver.posteriors());
            assertThat(last.getState()).isEqualTo(PosteriorState.LIVE);
            assertThat(last.getBatches()).isEqualTo(6);
            assertThat(last.getBatchesExpected()).isNull();
            Weighted twin = new Weighted(Pass.A, 6);
            assertThat(twin.examples).isLessThan(4 / (1 - GAMMA)); // not the 24 that came
            assertThat(last.getLogLikelihood()).isCloseTo(twin.logLikelihood * 40 / twin.examples, within(1e-9));
            FactorUpdate update = last(driver.updates());
            assertThat(update.getExamples()).isCloseTo(twin.examples, within(1e-12));
        }
    }

    @Test
    void shouldGiveThePosteriorOfOneEpochAfterThreeAtWeightsThatRest() {
        try (Driver driver = driver(null)) {
            for (int batch = 0; batch < 9; batch++) {
                for (Block block : Pass.BLOCKS) {
                    driver.send(Pass.key(block), live(block, batch % 3, batch, 1));
                }
            }
            List<Posterior> posteriors = driver.posteriors();
            assertThat(posteriors).hasSize(9);
            Posterior one = posteriors.get(2);
            Posterior three = posteriors.get(8);
            assertThat(three.getLogLikelihood()).isCloseTo(one.getLogLikelihood(), within(1e-10));
            assertThat(three.getLogEvidence()).isCloseTo(one.getLogEvidence(), within(1e-9));
            assertThat(three.getEffectiveParameters()).isCloseTo(one.getEffectiveParameters(), within(1e-9));
            for (int i = 0; i < Pass.BLOCKS.size(); i++) {
                double lambda = one.getBlocks().get(i).getLambda();
                assertThat(three.getBlocks().get(i).getLambda()).isCloseTo(lambda, within(1e-10 * lambda));
            }
        }
    }

    /** What batch {@code of} brings, sent as step {@code batch}. */
    private static Statistics live(Block block, long of, long batch, double forgetting) {
        Statistics value = Pass.statistic(block, of, null);
        value.setBatch(batch);
        value.setForgetting(forgetting);
        return value;
    }

    private static void shouldBe(Factor found, Weighted twin) {
        KroneckerFactor factor = FactorRecords.factor(found);
        double[] large = factor.large() instanceof Columns columns
                ? Naive.outer(columns.columns(), columns.count(), columns.dimension())
                : ((FullSum) factor.large()).sum();
        assertThat(Naive.relative(large, twin.large)).isLessThan(1e-12);
        assertThat(Naive.relative(factor.small(), twin.small)).isLessThan(1e-12);
        assertThat(factor.n()).isCloseTo(twin.n, within(1e-12 * twin.n));
        assertThat(factor.examples()).isCloseTo(twin.examples, within(1e-12 * twin.examples));
        assertThat(factor.large().trace()).isCloseTo(twin.trace, within(1e-12 * twin.trace));
        assertThat(factor.logLikelihood()).isCloseTo(twin.logLikelihood, within(1e-12 * -twin.logLikelihood));
        assertThat(found.getBatches()).isEqualTo(32);
    }

    private static <T> T last(List<T> list) {
        return list.get(list.size() - 1);
    }

    private Driver driver(Integer rank) {
        Driver driver = new Driver(Driver.settings(), stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
        driver.run(Pass.run(rank));
        return driver;
    }
}
