package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Statistics;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a refit makes of the same topic. */
class StatisticsSelectionTest {
    private static final long BATCHES = 33;

    @TempDir
    Path stateDir;

    private record Fitted(List<byte[]> factors, List<Posterior> posteriors, List<FactorUpdate> updates) {}

    @Test
    void shouldGiveTheBytesOfTheLiveFitAtEqualSettings() {
        for (Compression compression : Compression.values()) {
            FitterSettings live = Driver.compressing(compression);
            Fitted one = fitted(live, value -> true);
            Fitted again = fitted(
                    live.named("again")
                            .selecting(new StatisticsSelection(
                                    Pass.RUN, Pass.CHECKPOINT, 0, BATCHES - 1, Set.of(), Pass.RANK)),
                    value -> true);
            shouldBeEqual(again, one);
            assertThat(last(one.posteriors).getState()).isEqualTo(PosteriorState.COMPLETE);
        }
    }

    @Test
    void shouldCaptureAtLeastAsMuchAtAHigherRank() {
        for (Compression compression : Compression.values()) {
            double captured = 0;
            for (int rank : new int[] {1, Pass.RANK, 2 * Pass.RANK}) {
                StatisticsSelection selection = new StatisticsSelection(null, null, 0, Long.MAX_VALUE, Set.of(), rank);
                Fitted fitted = fitted(Driver.compressing(compression).selecting(selection), value -> true);
                double more = last(fitted.posteriors).getCapturedEnergy();
                if (compression == Compression.TRUNCATE) {
                    assertThat(more).isGreaterThanOrEqualTo(captured);
                    captured = more;
                }
                assertThat(more).isPositive();
            }
        }
    }

    @Test
    void shouldEqualAFitThatNeverHadASource() {
        StatisticsSelection without = new StatisticsSelection(null, null, 0, Long.MAX_VALUE, Set.of("1/3"), null);
        Fitted left = fitted(Driver.settings().selecting(without), value -> true);
        Fitted never = fitted(Driver.settings(), value -> !value.getSource().equals("1/3"));
        assertThat(left.factors).isNotEmpty(); // of its last batch, though the pass is longer
        shouldBeTheSameUpdates(left, never);
        assertThat(left.posteriors).hasSameSizeAs(never.posteriors);
        Posterior last = last(left.posteriors);
        assertThat(last.getBatches()).isEqualTo(22);
        assertThat(last.getBatchesExpected()).isEqualTo(33);
        assertThat(last.getState()).isEqualTo(PosteriorState.PARTIAL);
        assertThat(last(never.posteriors).getState()).isEqualTo(PosteriorState.LIVE);
        assertThat(last.getLogEvidence()).isEqualTo(last(never.posteriors).getLogEvidence());
        assertThat(last.getWaitsFor()).isEmpty();
        assertThat(last(never.posteriors).getWaitsFor()).containsExactly("1/3");
        assertThat(last.getBlocks()).isEqualTo(last(never.posteriors).getBlocks());
    }

    @Test
    void shouldFoldTheBatchesFromAndToAndSendTheirFactors() {
        StatisticsSelection part = new StatisticsSelection(null, null, 4, 9, Set.of(), null);
        Fitted fitted = fitted(Driver.settings().selecting(part), value -> true);
        Fitted never = fitted(Driver.settings(), value -> value.getBatch() >= 4 && value.getBatch() <= 9);
        assertThat(fitted.factors).hasSize(3);
        shouldBeTheSameUpdates(fitted, never);
        assertThat(last(fitted.posteriors).getBatches()).isEqualTo(6);
    }

    @Test
    void shouldFoldWhatWasSentBeforeATimeAndBePartialWithAllOfIt() {
        Map<String, Long> present = new HashMap<>();
        Pass.BLOCKS.forEach(block -> present.put(Pass.key(block), 3L));
        StatisticsSelection early =
                new StatisticsSelection(null, null, 0, Long.MAX_VALUE, 1000 + 9, Set.of(), null, present);
        Fitted fitted = fitted(Driver.settings().selecting(early), value -> true);
        Fitted never = fitted(Driver.settings(), value -> value.getBatch() < 3);
        assertThat(fitted.factors).hasSize(3);
        shouldBeTheSameUpdates(fitted, never);
        assertThat(last(fitted.posteriors))
                .returns(3L, Posterior::getBatches)
                .returns(PosteriorState.PARTIAL, Posterior::getState);
    }

    @Test
    void shouldStandOnAllThatIsLeftWhereBlocksHaveLostDifferentBatches() {
        Map<String, Long> present = new HashMap<>();
        Pass.BLOCKS.forEach(block -> present.put(Pass.key(block), block.equals(Pass.A) ? 30L : 33L));
        StatisticsSelection left = StatisticsSelection.ALL.withPresent(present);
        // the block that has lost three is through when the others are not
        Fitted fitted = fitted(
                Driver.settings().selecting(left),
                value -> !value.getBlock().equals(Pass.A.getName()) || value.getBatch() < 30);
        Posterior last = last(fitted.posteriors);
        assertThat(last.getState()).isEqualTo(PosteriorState.PARTIAL);
        assertThat(last.getBatches()).isEqualTo(30);
        assertThat(last.getBlocks()).extracting(BlockPrecision::getBatches).containsExactly(30L, 33L, 33L);
        assertThat(last.getWaitsFor()).isEmpty();
        assertThat(fitted.posteriors.stream().filter(each -> each.getState() == PosteriorState.PARTIAL))
                .hasSize(1);
        assertThat(fitted.factors).hasSize(3);
    }

    @Test
    void shouldPassOverOtherRunsAndCheckpointsAndWhatIsWrongInThem() {
        for (StatisticsSelection part : List.of(
                new StatisticsSelection("other", null, 0, Long.MAX_VALUE, Set.of(), null),
                new StatisticsSelection(null, "other", 0, Long.MAX_VALUE, Set.of(), null))) {
            try (Driver driver = driver(Driver.settings().selecting(part))) {
                Statistics bad = Pass.statistic(Pass.A, 0, 4L);
                bad.setN(-1);
                driver.send(Pass.key(Pass.A), bad);
                driver.send(Pass.A, 1, 4L);
                assertThat(driver.deadLetters()).isEmpty();
                assertThat(driver.updates()).isEmpty();
            }
        }
    }

    @Test
    void shouldSayWhatItDoesNotAccept() {
        assertThatThrownBy(() -> new StatisticsSelection(null, null, 0, 9, Set.of(), 0))
                .hasMessage("--rank must be 1 or more, got 0");
        assertThatThrownBy(() -> new StatisticsSelection(null, null, -1, 9, Set.of(), null))
                .hasMessage("--from must be 0 or more, got -1");
        assertThatThrownBy(() -> new StatisticsSelection(null, null, 5, 4, Set.of(), null))
                .hasMessage("--to must be 5 or more, got 4");
        assertThatThrownBy(() -> new StatisticsSelection("a/b", null, 0, 4, Set.of(), null))
                .hasMessageContaining("'a/b'");

        StatisticsSelection much = new StatisticsSelection(null, null, 0, 9, Set.of(), 11);
        assertThatThrownBy(() -> much.rankOf(Pass.run(5)))
                .isInstanceOf(ConfigurationException.class)
                .hasMessage("--rank must be 1 to 10, the rows a batch of run '" + Pass.RUN
                        + "' has (its rank is 5), got 11");
        assertThat(much.rankOf(Pass.run(null))).isEqualTo(11);

        Statistics several = Pass.statistic(Pass.A, 3, 33L);
        several.setBatches(4);
        several.setStride(2);
        assertThatThrownBy(() -> new StatisticsSelection(null, null, 4, 20, Set.of(), null).has(several, 0))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith("--from must be ")
                .hasMessageContaining("batches 3 to 9")
                .hasMessageEndingWith(", got 4");
        assertThatThrownBy(() -> new StatisticsSelection(null, null, 0, 8, Set.of(), null).has(several, 0))
                .hasMessageStartingWith("--to must be ")
                .hasMessageEndingWith(", got 8");
        assertThat(new StatisticsSelection(null, null, 3, 9, Set.of(), null).has(several, 0))
                .isTrue();
    }

    @Test
    void shouldCountWhatIsSelectedAsCountingWould() {
        for (int from = 0; from < 5; from++) {
            for (int to = from; to < 14; to++) {
                for (Set<String> excluded : List.of(Set.<String>of(), Set.of("1/3"), Set.of("0/3", "2/3"))) {
                    StatisticsSelection selection = new StatisticsSelection(null, null, from, to, excluded, null);
                    long count = 0;
                    for (long batch = 0; batch < 11; batch++) {
                        count += batch >= from && batch <= to && !excluded.contains(batch % 3 + "/3") ? 1 : 0;
                    }
                    assertThat(selection.batches("r/c/b", 11L)).isEqualTo(count);
                }
            }
        }
        assertThat(StatisticsSelection.ALL.batches("r/c/b", null)).isNull();
    }

    private Fitted fitted(FitterSettings settings, Predicate<Statistics> sent) {
        try (Driver driver = driver(settings)) {
            for (long batch = 0; batch < BATCHES; batch++) {
                for (Block block : Pass.BLOCKS) {
                    Statistics value = Pass.statistic(block, batch, BATCHES);
                    value.setSource(batch % 3 + "/3");
                    if (sent.test(value)) {
                        driver.send(Pass.key(block), value);
                    }
                }
            }
            assertThat(driver.deadLetters()).isEmpty();
            List<byte[]> factors = new ArrayList<>();
            for (Factor factor : driver.factors().values()) {
                Factor plain = Factor.newBuilder(factor)
                        .setFit("default")
                        .setTimestamp(Instant.EPOCH)
                        .build();
                factors.add(driver.encode(Factor.class, "factors", plain));
            }
            return new Fitted(factors, driver.posteriors(), driver.updates());
        }
    }

    private static void shouldBeEqual(Fitted found, Fitted expected) {
        assertThat(found.factors).hasSameSizeAs(expected.factors).isNotEmpty();
        for (int i = 0; i < found.factors.size(); i++) {
            assertThat(found.factors.get(i)).containsExactly(expected.factors.get(i));
        }
        assertThat(found.posteriors).hasSameSizeAs(expected.posteriors);
        for (int i = 0; i < found.posteriors.size(); i++) {
            Posterior plain = Posterior.newBuilder(found.posteriors.get(i))
                    .setFit("default")
                    .build();
            assertThat(plain).isEqualTo(expected.posteriors.get(i));
        }
    }

    /** But for the time of the records, and for whom they wait. */
    private static void shouldBeTheSameUpdates(Fitted found, Fitted expected) {
        assertThat(found.updates).hasSameSizeAs(expected.updates).isNotEmpty();
        for (int i = 0; i < found.updates.size(); i++) {
            FactorUpdate plain = FactorUpdate.newBuilder(found.updates.get(i))
                    .setTimestamp(expected.updates.get(i).getTimestamp())
                    .setWaitsFor(expected.updates.get(i).getWaitsFor())
                    .build();
            assertThat(plain).isEqualTo(expected.updates.get(i));
        }
    }

    private static <T> T last(List<T> list) {
        return list.get(list.size() - 1);
    }

    private Driver driver(FitterSettings settings) {
        Driver driver = new Driver(settings, stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
        driver.run(Pass.run(Pass.RANK));
        return driver;
    }
}
