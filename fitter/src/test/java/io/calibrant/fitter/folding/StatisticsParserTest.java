package io.calibrant.fitter.folding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.BatchSequence;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What the parser refuses, in which order, and what the contribution that it makes is folded into. */
class StatisticsParserTest {
    private static final int D = 3;

    static {
        TrustedRecords.trust();
    }

    private final FitterSettings settings = FitterSettings.defaults();
    private final StatisticsParser parser = new StatisticsParser(settings);
    private final RunBlocks run = RunBlocks.of(Run.newBuilder()
            .setRunId("r")
            .setBlocks(List.of(
                    new Block("a", 1, D, Side.INPUT),
                    new Block("b", 2, D, Side.INPUT),
                    new Block("c", 2, 2, Side.GRADIENT)))
            .setRank(2)
            .setTrainingQuestions(10)
            .build());

    private static Statistics statistic() {
        return Statistics.newBuilder()
                .setRunId("r")
                .setCheckpoint("s")
                .setBlock("a")
                .setBatch(0)
                .setBatchesExpected(4L)
                .setRows(Tensors.of(new double[] {1, 2, 3}, 1, D))
                .setSmall(Tensors.of(new double[] {5}, 1, 1))
                .setTrace(14)
                .setN(1)
                .setExamples(1)
                .setLogLikelihood(-0.5)
                .setSquaredNorm(1)
                .build();
    }

    private static Statistics statistic(Consumer<Statistics> change) {
        Statistics value = statistic();
        change.accept(value);
        return value;
    }

    private Contribution parse(Statistics value) {
        return parser.parse(
                Keys.block(value.getRunId(), value.getCheckpoint(), value.getBlock()), value, 0, (id, time) -> run);
    }

    /** No block has a state of its own. */
    private static boolean hasNone(String block) {
        return false;
    }

    private void shouldRefuse(Consumer<Statistics> change, String reason) {
        assertThatThrownBy(() -> parse(statistic(change)))
                .isInstanceOf(BadRecordException.class)
                .hasMessageStartingWith("statistic of run r, checkpoint s, block ")
                .hasMessageContaining(reason);
    }

    @Test
    void shouldRefuseWhatNeedsNoRunBeforeItLooksTheRunUp() {
        StatisticsParser.Runs never = (id, time) -> {
            throw new AssertionError("the run of a bad record was looked up");
        };
        assertThatThrownBy(() -> parser.parse(null, statistic(), 0, never)).hasMessageContaining("without a key");
        assertThatThrownBy(() -> parser.parse("r/s/a", null, 0, never))
                .isInstanceOf(BadRecordException.class)
                .hasMessage("null value: statistics cannot be retracted");
        assertThatThrownBy(() -> parser.parse("r/s/b", statistic(), 0, never))
                .hasMessageContaining("key 'r/s/b' does not name it, expected 'r/s/a'");
        assertThatThrownBy(() -> parser.parse("r/s/a", statistic(value -> value.setN(Double.NaN)), 0, never))
                .hasMessageContaining("n is NaN");
        StatisticsParser around =
                new StatisticsParser(settings.with(settings.prior().withMean(PriorMean.INITIAL)));
        assertThatThrownBy(() -> around.parse("r/s/a", statistic(), 0, never))
                .hasMessageContaining("no squaredDistance to the initial adapter");
    }

    @Test
    void shouldRefuseWhatIsLeftOfARunThatWasDeleted() {
        RunBlocks later =
                RunBlocks.of(Run.newBuilder(run.run()).setGeneration(1).build());
        assertThatThrownBy(() -> parser.parse("r/s/a", statistic(), 0, (id, time) -> later))
                .isInstanceOf(BadRecordException.class)
                .hasMessageEndingWith("it is of an earlier run of this name, which was deleted");
        Statistics own = statistic(value -> value.setCheckpoint("g1.s"));
        assertThat(parser.parse("r/g1.s/a", own, 0, (id, time) -> later).checkpoint())
                .isEqualTo("g1.s");
    }

    @Test
    void shouldRefuseWhatDoesNotFitTheRun() {
        assertThatThrownBy(() -> parser.parse("r/s/a", statistic(), 0, (id, time) -> null))
                .hasMessageEndingWith("batch 0: the run is unknown: topic runs does not have it");
        shouldRefuse(value -> value.setBlock("z"), "the run has no such block");
        shouldRefuse(
                value -> value.setRows(Tensors.of(new double[] {1, 2}, 1, 2)),
                "rows have shape [1, 2], the run's block expects [m, 3]");
        shouldRefuse(value -> value.setSmall(Tensors.of(new double[] {-1}, 1, 1)), "small is ");
        shouldRefuse(
                value -> value.setShared(List.of(new SharedInput("c", Tensors.of(new double[4], 2, 2), 0d, null))),
                "block c shares an input, but its large side is its gradient");
        StatisticsParser high = new StatisticsParser(
                settings.selecting(new StatisticsSelection(null, null, 0, Long.MAX_VALUE, Set.of(), 5)));
        assertThatThrownBy(() -> high.parse("r/s/a", statistic(), 0, (id, time) -> run))
                .hasMessageStartingWith("--rank must be 1 to 4, ")
                .isNotInstanceOf(BadRecordException.class);
    }

    @Test
    void shouldFoldAContributionOnceAndRefuseWhatDoesNotContinue() {
        FoldResults first = new FactorState(settings, null, Topics.MAX_RECORD_BYTES)
                .fold(parse(statistic()), StatisticsParserTest::hasNone, List::of, 7)
                .orElseThrow();
        assertThat(first.state().getBatches()).isEqualTo(1);
        assertThat(first.state().getFoldedBelow()).isEqualTo(1);
        assertThat(first.state().getTimestamp().toEpochMilli()).isEqualTo(7);
        assertThat(first.blocks()).singleElement().satisfies(result -> {
            assertThat(result.update().getSpectrum()).first().isEqualTo(14d);
            assertThat(result.update().getSmallSpectrum()).containsExactly(5d);
            assertThat(result.factor()).isNull();
        });

        FactorState state = new FactorState(settings, first.state(), Topics.MAX_RECORD_BYTES);
        assertThat(state.fold(parse(statistic()), StatisticsParserTest::hasNone, List::of, 8))
                .isEmpty();
        assertThatThrownBy(() -> state.fold(
                        parse(statistic(value -> value.setBatches(2))), StatisticsParserTest::hasNone, List::of, 8))
                .isInstanceOf(BadRecordException.class)
                .hasMessageContaining("1 of its 2 batches are folded already");
        Statistics longer = statistic(value -> {
            value.setBatch(1);
            value.setBatchesExpected(9L);
        });
        assertThatThrownBy(() -> state.fold(parse(longer), StatisticsParserTest::hasNone, List::of, 8))
                .hasMessageContaining("batchesExpected 9, earlier batches of the pass said 4");
        Statistics infinite = statistic(value -> {
            value.setBatch(1);
            value.setRows(Tensors.of(new double[] {1, Double.POSITIVE_INFINITY, 3}, 1, D));
        });
        assertThatThrownBy(() -> state.fold(parse(infinite), StatisticsParserTest::hasNone, List::of, 8))
                .isInstanceOf(BadRecordException.class)
                .hasMessageContaining("rows holds Infinity at index 1");

        FoldResults all = state.fold(
                        parse(statistic(value -> {
                            value.setBatch(1);
                            value.setBatches(3);
                        })),
                        StatisticsParserTest::hasNone,
                        List::of,
                        6)
                .orElseThrow();
        assertThat(all.state().getBatches()).isEqualTo(4);
        assertThat(all.state().getTimestamp().toEpochMilli()).isEqualTo(7);
        assertThat(all.blocks().get(0).factor()).isEqualTo(all.state());
    }

    @Test
    void shouldRefuseFactorsThatTheTopicsOfTheFitDoNotTake() {
        assertThat(new FactorState(settings, null, 1_000)
                        .fold(parse(statistic()), StatisticsParserTest::hasNone, List::of, 0))
                .isPresent();
        assertThatThrownBy(() -> new FactorState(settings, null, 300)
                        .fold(parse(statistic()), StatisticsParserTest::hasNone, List::of, 0))
                .isInstanceOf(BadRecordException.class)
                .hasMessageContaining("more than the 300 that the topics of the fit take of a record");
    }

    @Test
    void shouldRefuseWhatLeavesMoreGapsThanAPassCanHave() {
        Factor before = new FactorState(settings, null, Topics.MAX_RECORD_BYTES)
                .fold(
                        parse(statistic(value -> value.setBatchesExpected(null))),
                        StatisticsParserTest::hasNone,
                        List::of,
                        0)
                .orElseThrow()
                .state();
        List<BatchSequence> sequences = new ArrayList<>();
        for (long i = 1; i <= FoldedBatches.MOST_SEQUENCES; i++) {
            sequences.add(new BatchSequence(3 * i, 1L, 1L));
        }
        before.setFoldedSequences(sequences);
        assertThatThrownBy(() -> new FactorState(settings, before, Topics.MAX_RECORD_BYTES)
                        .fold(
                                parse(statistic(value -> {
                                    value.setBatchesExpected(null);
                                    value.setBatch(1_000_000);
                                })),
                                StatisticsParserTest::hasNone,
                                List::of,
                                0))
                .isInstanceOf(BadRecordException.class)
                .hasMessageContaining("leave more than 4096 gaps");
    }

    @Test
    void shouldKeepOneLargeSideForBlocksThatShareTheirInput() {
        Statistics shared = statistic(value ->
                value.setShared(List.of(new SharedInput("b", Tensors.of(new double[] {2, 0, 0, 1}, 2, 2), 4d, null))));
        FoldResults results = new FactorState(settings, null, Topics.MAX_RECORD_BYTES)
                .fold(parse(shared), StatisticsParserTest::hasNone, List::of, 0)
                .orElseThrow();
        assertThat(results.state().getShared()).singleElement().returns("b", SharedInput::getBlock);
        assertThat(results.blocks())
                .extracting(result -> result.update().getBlock())
                .containsExactly("a", "b");
        assertThat(results.blocks().get(1).update().getSmallSpectrum()).containsExactly(2d, 1d);

        assertThatThrownBy(() -> new FactorState(settings, results.state(), Topics.MAX_RECORD_BYTES)
                        .fold(parse(statistic()), StatisticsParserTest::hasNone, List::of, 0))
                .hasMessageContaining("it shares its input with [], earlier batches with [b]");
        assertThatThrownBy(() -> new FactorState(settings, null, Topics.MAX_RECORD_BYTES)
                        .fold(parse(shared), "b"::equals, List::of, 0))
                .hasMessageContaining("it holds block b, of which earlier batches came alone");
    }
}
