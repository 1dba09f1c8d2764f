package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.linalg.Naive;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Statistics;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several batches in one record: folded by a trainer that sends less often. */
class SeveralBatchesTest {
    @TempDir
    Path stateDir;

    @Test
    void shouldCountEachBatchOfARecordOnce() {
        try (Driver driver = driver()) {
            for (Block block : Pass.BLOCKS) {
                driver.send(Pass.key(block), several(block, 0, 3, 2)); // 0, 2, 4
                driver.send(Pass.key(block), several(block, 0, 3, 2));
                driver.send(Pass.key(block), several(block, 1, 2, 2)); // 1, 3
                driver.send(block, 4, 6L); // a part of the first
                driver.send(Pass.key(block), several(block, 2, 2, 1)); // 2, 3
                driver.send(block, 5, 6L);
            }
            assertThat(driver.deadLetters()).isEmpty();
            assertThat(driver.updates()).hasSize(9);
            Factor factor = driver.factors().get(Pass.factorKey(Pass.A));
            assertThat(factor.getBatches()).isEqualTo(6);
            assertThat(factor.getFoldedBelow()).isEqualTo(6);
            assertThat(factor.getFoldedBeyond()).isEmpty();
            assertThat(factor.getExamples()).isEqualTo(6 * 4);
            List<Posterior> posteriors = driver.posteriors();
            Posterior last = posteriors.get(posteriors.size() - 1);
            assertThat(last.getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(last.getBatches()).isEqualTo(6);
        }
    }

    @Test
    void shouldRefuseARecordOfWhichAPartIsFolded() {
        try (Driver driver = driver()) {
            driver.send(Pass.A, 2, 6L);
            byte[] sent = driver.send(Pass.key(Pass.A), several(Pass.A, 0, 3, 2));
            var letters = driver.deadLetters();
            assertThat(letters).hasSize(1);
            assertThat(letters.get(0).value()).isEqualTo(sent);
            assertThat(driver.updates()).hasSize(1);
        }
    }

    @Test
    void shouldSendFactorsWheneverAnother32BatchesAreIn() {
        try (Driver driver = driver()) {
            for (int i = 0; i < 7; i++) {
                Statistics value = several(Pass.A, 10L * i, 10, 1);
                value.setBatchesExpected(null);
                driver.send(Pass.key(Pass.A), value);
                assertThat(driver.factors().size())
                        .as("after %d batches", 10 * i + 10)
                        .isEqualTo(i == 3 || i == 6 ? 1 : 0);
            }
        }
    }

    /**
     * One record with the sums of all its batches: rows below each other, as a trainer that does not reduce sends them.
     */
    private static Statistics several(Block block, long first, int batches, int stride) {
        Statistics sum = Pass.statistic(block, first, 6L);
        double[] rows = new double[0];
        double[] small = new double[Pass.r(block) * Pass.r(block)];
        sum.setN(0);
        sum.setExamples(0);
        sum.setTrace(0);
        sum.setLogLikelihood(0);
        for (int i = 0; i < batches; i++) {
            var of = Pass.sums(block, first + (long) i * stride);
            rows = Naive.concat(rows, of.rows().doubles());
            small = Naive.plus(small, of.small());
            sum.setN(sum.getN() + of.n());
            sum.setExamples(sum.getExamples() + of.examples());
            sum.setTrace(sum.getTrace() + of.trace());
            sum.setLogLikelihood(sum.getLogLikelihood() + of.logLikelihood());
        }
        sum.setBatches(batches);
        sum.setStride(stride);
        sum.setRows(Tensors.of(rows, 7 * batches, Pass.d(block)));
        sum.setSmall(Tensors.of(small, Pass.r(block), Pass.r(block)));
        return sum;
    }

    private Driver driver() {
        Driver driver = new Driver(Driver.settings(), stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
        driver.run(Pass.run(Pass.RANK));
        return driver;
    }
}
