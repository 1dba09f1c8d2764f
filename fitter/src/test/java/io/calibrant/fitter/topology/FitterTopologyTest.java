package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.FrequentDirections;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Naive;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.PriorSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorCompression;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.PriorObjective;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FitterTopologyTest {
    @TempDir
    Path stateDir;

    @Test
    void shouldBeTheTopologyThatIsWrittenDown() throws IOException {
        String described = FitterTopology.build(
                        new Connection("localhost:1", "mock://describe", "pre.", Map.of()),
                        Driver.settings(),
                        new InputPartitions(4, 4),
                        Runnable::run,
                        new PendingCalibrations(),
                        posterior -> {})
                .describe()
                .toString();
        try (var in = FitterTopologyTest.class.getResourceAsStream("/topology.txt")) {
            assertThat(described.strip()).isEqualTo(new String(in.readAllBytes(), StandardCharsets.UTF_8).strip());
        }
    }

    @Test
    void shouldFoldEveryBlockAndTellAfterEachFold() {
        try (Driver driver = driver(Driver.settings(), Pass.RANK)) {
            for (long batch = 0; batch < 3; batch++) {
                for (Block block : Pass.BLOCKS) {
                    driver.send(block, batch, 3L);
                }
            }

            List<FactorUpdate> updates = driver.updates();
            assertThat(updates).hasSize(9);
            assertThat(updates)
                    .extracting(FactorUpdate::getBatches)
                    .containsExactly(1L, 1L, 1L, 2L, 2L, 2L, 3L, 3L, 3L);
            Map<String, Factor> factors = driver.factors();
            assertThat(factors).hasSize(3);
            for (Block block : Pass.BLOCKS) {
                Factor found = factors.get(Pass.factorKey(block));
                KroneckerFactor expected = Pass.folded(block, Pass.RANK, 0, 1, 2);
                shouldBe(found, expected, 1e-6);
                assertThat(found.getForm()).isEqualTo(block.equals(Pass.HEAD) ? FactorForm.FULL : FactorForm.COLUMNS);
                assertThat(found.getBatches()).isEqualTo(3);
                assertThat(found.getFoldedBelow()).isEqualTo(3);
                assertThat(found.getFoldedBeyond()).isEmpty();
                assertThat(found.getTimestamp().toEpochMilli()).isEqualTo(1006 + Pass.BLOCKS.indexOf(block));

                FactorUpdate update = updates.get(6 + Pass.BLOCKS.indexOf(block));
                double[] w = expected.large().spectrum().values();
                assertThat(doubles(update.getSpectrum())).containsExactly(w, within(1e-6 * w[0]));
                assertThat(update.getTrace()).isEqualTo(found.getTrace());
                assertThat(update.getCapturedEnergy())
                        .isCloseTo(expected.large().spectrum().capturedEnergy(), within(1e-6));
                assertThat(update.getParameters()).isEqualTo(Pass.d(block) * Pass.r(block));
            }
        }
    }

    @Test
    void shouldChooseThePriorWheneverAllBlocksAreFurther() {
        try (Driver driver = driver(Driver.settings(), Pass.RANK)) {
            driver.send(Pass.A, 0, 2L);
            driver.send(Pass.A, 1, 2L);
            driver.send(Pass.B, 0, 2L);
            assertThat(driver.posteriors()).isEmpty();

            driver.send(Pass.HEAD, 0, 2L);
            Posterior live = driver.posteriors().get(0);
            assertThat(live.getState()).isEqualTo(PosteriorState.LIVE);
            assertThat(live.getVersion()).isEqualTo(1);
            assertThat(live.getBatches()).isEqualTo(1);
            assertThat(live.getBlocks()).extracting(b -> b.getBatches()).containsExactly(2L, 1L, 1L);
            // F and LL of what came stand for all 40 questions: 8 of block A came, 4 of the others
            Evidence.Optimum expected = new Evidence(
                            List.of(
                                    spectrum(Pass.A, 0, 1).times(40 / 8.0),
                                    spectrum(Pass.B, 0).times(10),
                                    spectrum(Pass.HEAD, 0).times(10)),
                            (-2.5 - 2.51) * 5)
                    .maximise(PriorStructure.SCALAR);
            shouldBe(live, expected);
            assertThat(live.getLogLikelihood()).isCloseTo(-25.05, within(1e-9));

            driver.send(Pass.B, 1, 2L);
            assertThat(driver.posteriors()).isEmpty();
            driver.send(Pass.HEAD, 1, 2L);
            Posterior complete = driver.posteriors().get(0);
            assertThat(complete.getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(complete.getVersion()).isEqualTo(2);
            assertThat(complete.getBlocks()).extracting(b -> b.getBlock()).containsExactlyElementsOf(names());
            shouldBe(complete, complete(PriorStructure.SCALAR, true, 1));
            assertThat(complete.getParameters()).isEqualTo(61 * 3 + 37 * 3 + 4 * 3);
            assertThat(complete.getTimestamp()).isEqualTo(Instant.ofEpochMilli(1005));
            assertThat(driver.heard).containsExactly(live, complete);
        }
    }

    @Test
    void shouldHonourEverySettingOfTheFit() {
        for (PriorStructure prior : PriorStructure.values()) {
            for (PriorMean mean : PriorMean.values()) {
                for (boolean residual : new boolean[] {true, false}) {
                    FitterSettings settings = Driver.settings()
                            .named("other")
                            .with(new PriorSettings(prior, mean, PriorObjective.EVIDENCE, residual));
                    try (Driver driver = driver(settings, Pass.RANK)) {
                        sendAll(driver, 2);
                        Posterior last = driver.posteriors().get(1);
                        shouldBe(last, complete(prior, residual, mean == PriorMean.ZERO ? 1 : 0.5));
                        assertThat(last.getPrior().name()).isEqualTo(prior.name());
                        assertThat(last.getPriorMean()).isEqualTo(mean);
                        assertThat(last.getResidual()).isEqualTo(residual);
                        assertThat(last.getFit()).isEqualTo("other");
                    }
                }
            }
        }
    }

    @Test
    void shouldCountEachBatchOnceHoweverOftenItComes() {
        try (Driver driver = driver(Driver.settings(), Pass.RANK)) {
            for (int time = 0; time < 3; time++) {
                sendAll(driver, 3);
                driver.send(Pass.A, 2, 3L);
            }
            assertThat(driver.updates()).hasSize(9);
            assertThat(driver.posteriors()).hasSize(3);
            assertThat(driver.deadLetters()).isEmpty();
            Map<String, Factor> factors = driver.factors();
            for (Block block : Pass.BLOCKS) {
                shouldBe(factors.get(Pass.factorKey(block)), Pass.folded(block, Pass.RANK, 0, 1, 2), 1e-6);
            }
        }
    }

    @Test
    void shouldKeepFrequentDirectionsWithTheirBound() {
        FitterSettings settings = Driver.compressing(Compression.FREQUENT_DIRECTIONS);
        try (Driver driver = driver(settings, Pass.RANK)) {
            sendAll(driver, 3);
            KroneckerFactor expected =
                    KroneckerFactor.empty(Pass.d(Pass.A), Pass.r(Pass.A), Pass.RANK, Compression.FREQUENT_DIRECTIONS);
            for (long batch = 0; batch < 3; batch++) {
                expected = expected.fold(Pass.sums(Pass.A, batch), 1);
            }
            Factor found = driver.factors().get(Pass.factorKey(Pass.A));
            FactorUpdate last = driver.updates().get(6);
            assertThat(found.getCompression()).isEqualTo(FactorCompression.FREQUENT_DIRECTIONS);
            assertThat(found.getDelta())
                    .isPositive()
                    .isCloseTo(expected.large().delta(), within(1e-6 * found.getDelta()));
            assertThat(last.getDelta()).isEqualTo(found.getDelta());
            double[] w = expected.large().spectrum().values();
            assertThat(doubles(last.getSpectrum())).containsExactly(w, within(1e-6 * w[0]));

            Posterior complete = driver.posteriors().get(2);
            assertThat(complete.getState()).isEqualTo(PosteriorState.COMPLETE);
            var block = FactorRecords.posterior(found, complete);
            assertThat(block.w()).containsExactly(w, within(1e-6 * w[0]));
            assertThat(block.residual()).isCloseTo(expected.large().spectrum().residual(), within(1e-6 * w[0]));
        }
    }

    @Test
    void shouldLetAPredictiveReadUpToTwiceTheRank() {
        try (Driver driver = driver(Driver.compressing(Compression.FREQUENT_DIRECTIONS), 7)) {
            sendAll(driver, 2); // 14 rows, 14 columns
            Factor found = driver.factors().get(Pass.factorKey(Pass.A));
            assertThat(found.getLarge().getShape()).containsExactly(14, 61);
            assertThat(found.getDelta()).isZero();
            var block = FactorRecords.posterior(found, driver.posteriors().get(1));
            assertThat(block.kept()).isEqualTo(14);
            shouldBe(found, Pass.folded(Pass.A, 14, 0, 1), 1e-6);
        }
    }

    @Test
    void shouldStopWhereTheFitWasMadeWithAnotherCompression() {
        try (Driver driver = driver(Driver.compressing(Compression.FREQUENT_DIRECTIONS), Pass.RANK)) {
            driver.send(Pass.A, 0, 3L);
            driver.changeState(Pass.factorKey(Pass.A), factor -> factor.setCompression(FactorCompression.TRUNCATE));
            assertThatThrownBy(() -> driver.send(Pass.A, 1, 3L))
                    .rootCause()
                    .hasMessage("--compression must be TRUNCATE for fit 'default', or --fit a new name, got"
                            + " FREQUENT_DIRECTIONS");
        }
    }

    @Test
    void shouldTakeBatchesInAnyOrderAndRememberWhich() {
        try (Driver driver = driver(Driver.settings(), Pass.RANK)) {
            for (long batch : new long[] {5, 1, 0, 5, 1, 3, 2, 4, 3}) {
                driver.send(Pass.A, batch, 6L);
            }
            Factor factor = driver.factors().get(Pass.factorKey(Pass.A));
            assertThat(factor.getBatches()).isEqualTo(6);
            assertThat(factor.getFoldedBelow()).isEqualTo(6);
            shouldBe(factor, Pass.folded(Pass.A, Pass.RANK, 5, 1, 0, 3, 2, 4), 1e-6);
        }
    }

    @Test
    void shouldGiveTheSameBytesWhenTheTopicIsReplayed() {
        List<List<byte[]>> runs = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            try (Driver driver = driver(Driver.settings(), Pass.RANK)) {
                sendAll(driver, 33);
                runs.add(driver.rawFactors());
            }
        }
        assertThat(runs.get(0)).hasSize(6); // three blocks at batch 32 and at the end
        for (int i = 0; i < 6; i++) {
            assertThat(runs.get(1).get(i)).containsExactly(runs.get(0).get(i));
        }
    }

    @Test
    void shouldKeepFactorsInFullWhereTheRunHasNoRank() {
        try (Driver driver = driver(Driver.settings(), null)) {
            sendAll(driver, 2);
            for (Map.Entry<String, Factor> factor : driver.factors().entrySet()) {
                assertThat(factor.getValue().getForm()).isEqualTo(FactorForm.FULL);
            }
            Posterior complete = driver.posteriors().get(1);
            assertThat(complete.getCapturedEnergy()).isLessThanOrEqualTo(1);
            assertThat(complete.getEffectiveParameters()).isPositive();
        }
    }

    @Test
    void shouldNeverCompleteAPassWithoutEnd() {
        try (Driver driver = driver(Driver.settings(), Pass.RANK)) {
            for (long batch = 0; batch < 32; batch++) {
                for (Block block : Pass.BLOCKS) {
                    driver.send(block, batch, null);
                }
            }
            assertThat(driver.posteriors())
                    .hasSize(32)
                    .extracting(Posterior::getState)
                    .containsOnly(PosteriorState.LIVE);
            assertThat(driver.factors()).hasSize(3); // due every 32 batches
        }
    }

    @Test
    void shouldPairPosteriorAndFactorForAPredictive() {
        try (Driver driver = driver(Driver.settings(), Pass.RANK)) {
            sendAll(driver, 2);
            Posterior complete = driver.posteriors().get(1);
            for (Factor factor : driver.factors().values()) {
                var block = FactorRecords.posterior(factor, complete);
                assertThat(block.lambda()).isEqualTo(complete.getBlocks().get(0).getLambda());
                assertThat(block.n()).isEqualTo(56);
                assertThat(block.u()).hasSize(block.kept() * block.dimension());
            }
        }
    }

    private Driver driver(FitterSettings settings, Integer rank) {
        Driver driver = new Driver(settings, stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
        driver.run(Pass.run(rank));
        return driver;
    }

    private static void sendAll(Driver driver, long batches) {
        for (long batch = 0; batch < batches; batch++) {
            for (Block block : Pass.BLOCKS) {
                driver.send(block, batch, batches);
            }
        }
    }

    private static Evidence.Optimum complete(PriorStructure prior, boolean residual, double norms) {
        List<BlockSpectrum> spectra = Pass.BLOCKS.stream()
                .map(block -> {
                    KroneckerFactor factor = Pass.folded(block, Pass.RANK, 0, 1);
                    return BlockSpectrum.of(
                            block.getName(),
                            factor.large().spectrum(),
                            residual,
                            factor.smallSpectrum(),
                            factor.n(),
                            norms * Pass.squaredNorm(block));
                })
                .toList();
        return new Evidence(spectra, -2.5 - 2.51).maximise(prior);
    }

    private static BlockSpectrum spectrum(Block block, long... batches) {
        KroneckerFactor factor = Pass.folded(block, Pass.RANK, batches);
        return BlockSpectrum.of(
                block.getName(),
                factor.large().spectrum(),
                true,
                factor.smallSpectrum(),
                factor.n(),
                Pass.squaredNorm(block));
    }

    private static void shouldBe(Posterior found, Evidence.Optimum expected) {
        assertThat(found.getLogEvidence()).isCloseTo(expected.logEvidence(), within(1e-4));
        assertThat(found.getEffectiveParameters()).isCloseTo(expected.effectiveParameters(), within(1e-4));
        for (int i = 0; i < expected.lambdas().length; i++) {
            assertThat(found.getBlocks().get(i).getLambda())
                    .isCloseTo(expected.lambdas()[i], within(1e-6 * expected.lambdas()[i]));
        }
    }

    private static void shouldBe(Factor found, KroneckerFactor expected, double tolerance) {
        KroneckerFactor factor = FactorRecords.factor(found);
        assertThat(Naive.relative(large(factor), large(expected))).isLessThan(tolerance);
        assertThat(Naive.relative(factor.small(), expected.small())).isLessThan(1e-12);
        assertThat(factor.n()).isEqualTo(expected.n());
        assertThat(factor.examples()).isEqualTo(expected.examples());
        assertThat(factor.logLikelihood()).isEqualTo(expected.logLikelihood());
        assertThat(factor.large().trace()).isEqualTo(expected.large().trace());
    }

    private static double[] large(KroneckerFactor factor) {
        if (factor.large() instanceof FrequentDirections directions) {
            return Naive.outer(directions.columns(), directions.columns().length / 61, 61);
        }
        return factor.large() instanceof Columns columns
                ? Naive.outer(columns.columns(), columns.count(), columns.dimension())
                : ((FullSum) factor.large()).sum();
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static List<String> names() {
        return Pass.BLOCKS.stream().map(Block::getName).toList();
    }
}
