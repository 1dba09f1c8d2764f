package io.calibrant.fitter.selective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.selective.Acceptance.Verdict;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SelectiveCountsTest {
    private static final TargetAccuracy TARGET = TargetAccuracy.DEFAULT;
    private static final int ROUNDS = 1000;

    /** How often an answer of a confidence is right, when the truth is known. */
    enum World {
        CALIBRATED(confidence -> confidence),
        TOO_SURE(confidence -> 0.25 + 0.74 * confidence),
        NOT_SURE_ENOUGH(confidence -> Math.sqrt(confidence)),
        /** The surest are wrong most often: then a threshold that looks good is easily taken for one that is. */
        UPSIDE_DOWN(confidence -> confidence > 0.985 ? 0.6 : confidence > 0.9 ? 1 : 0.8),
        /** Just below the target at every threshold, so that every guarantee fails. */
        NEVER_ENOUGH(confidence -> 0.9499);

        @SuppressWarnings("ImmutableEnumChecker") // lambdas without a state
        private final DoubleUnaryOperator right;

        World(DoubleUnaryOperator right) {
            this.right = right;
        }

        /** The confidence of the i-th of 400 equally likely kinds of answers: half are above .95. */
        private static double confidence(int i) {
            return 1 - 0.5 * Math.pow((i + 0.5) / 400, 3.32);
        }

        List<GradedAnswer> draw(int n, Random random) {
            List<GradedAnswer> answers = new ArrayList<>(n);
            for (int k = 0; k < n; k++) {
                double confidence = confidence(random.nextInt(400));
                answers.add(new GradedAnswer(confidence, random.nextDouble() < right.applyAsDouble(confidence)));
            }
            return answers;
        }

        double accuracyAbove(double threshold) {
            double sum = 0;
            int count = 0;
            for (int i = 0; i < 400 && confidence(i) >= threshold; i++) {
                sum += right.applyAsDouble(confidence(i));
                count++;
            }
            return count == 0 ? 1 : sum / count;
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldBreakTheGuaranteeInFivePercentOfAllDrawsAtMost(World world) {
        Random random = new Random(19);
        for (int n : new int[] {80, 400}) {
            int broken = 0;
            int given = 0;
            for (int round = 0; round < ROUNDS; round++) {
                Acceptance found = SelectiveCounts.of(world.draw(n, random)).acceptance(TARGET);
                boolean guaranteed = found.verdict() == Verdict.GUARANTEED;
                given += guaranteed ? 1 : 0;
                broken += guaranteed && world.accuracyAbove(found.threshold()) < TARGET.accuracy() ? 1 : 0;
            }
            assertThat(broken).as("broken of %d with %d labels", ROUNDS, n).isLessThanOrEqualTo(ROUNDS / 20);
            if (n == 400 && world == World.NEVER_ENOUGH) {
                assertThat(broken).as("sharp: the level is used").isGreaterThan(ROUNDS / 100);
            } else if (n == 400 && world != World.UPSIDE_DOWN) {
                assertThat(given).as("thresholds found").isGreaterThan(ROUNDS / 2);
            }
        }
    }

    @Test
    void shouldFindWhatTheTestOneByOneFinds() {
        Random random = new Random(2);
        for (World world : World.values()) {
            for (double accuracy : new double[] {0.8, 0.9, 0.95, 0.99}) {
                TargetAccuracy target = new TargetAccuracy(accuracy, 0.9);
                List<GradedAnswer> answers = world.draw(150, random);
                assertThat(Double.valueOf(
                                SelectiveCounts.of(answers).acceptance(target).threshold()))
                        .as("%s, %s", world, accuracy)
                        .isEqualTo(Double.valueOf(oneByOne(answers, target)));
            }
        }
    }

    /** The naive twin: every threshold over all answers. */
    private static double oneByOne(List<GradedAnswer> answers, TargetAccuracy target) {
        double lowest = Double.NaN;
        double level = 0;
        List<Double> starts = new ArrayList<>();
        for (double errors : new double[] {0.02, 0.25, 1, 3, 100}) {
            starts.add(Math.max(0, Math.floor((1 - errors * (1 - target.accuracy())) * 10_000 + 1e-6) / 10_000));
        }
        double[] share = {0.1, 0.2, 0.5, 0.1, 0.1};
        double[] coverage = {0.25, 0.25, 1, 0.5, 1};
        for (int s : new int[] {0, 1, 3, 4}) {
            double allRight = Math.pow(target.accuracy(), Math.floor(coverage[s] * answers.size() + 1e-9));
            if (allRight > share[s] * (1 - target.confidence())) {
                share[2] += share[s];
                share[s] = 0;
            }
        }
        List<Double> weights = new ArrayList<>(Arrays.stream(share).boxed().toList());
        for (int units = 9999; units >= 0; units -= units > 9990 ? 1 : units > 9900 ? 10 : units > 9000 ? 50 : 100) {
            double t = units / 10_000.0;
            while (!starts.isEmpty() && t <= starts.get(0)) {
                starts.remove(0);
                level += weights.remove(0) * (1 - target.confidence());
            }
            List<GradedAnswer> above =
                    answers.stream().filter(each -> each.confidence() >= t).toList();
            double[] pmf = BinomialTailTest.distribution(above.size(), 1 - target.accuracy());
            double tail = 0;
            for (int k = 0; k <= above.stream().filter(each -> !each.right()).count(); k++) {
                tail += pmf[k];
            }
            if (level > 0 && tail <= level) {
                lowest = t;
            } else {
                level = 0;
            }
        }
        return lowest;
    }

    @Test
    void shouldSayHowManyLabelsItTakes() {
        assertThat(SelectiveCounts.NONE.acceptance(TARGET))
                .isEqualTo(new Acceptance(TARGET, 0, Verdict.TOO_FEW_LABELS, Double.NaN, 0, 0, 59));
        assertThat(right(58).acceptance(TARGET).verdict()).isEqualTo(Verdict.TOO_FEW_LABELS);
        assertThat(right(58).acceptance(TARGET).labelsNeeded()).isEqualTo(59);
        Acceptance enough = right(59).acceptance(TARGET);
        assertThat(enough.verdict()).isEqualTo(Verdict.GUARANTEED);
        assertThat(enough.threshold()).isZero(); // nothing speaks against accepting all
        assertThat(enough.labelsNeeded()).isZero();
        assertThat(enough.coverage()).isEqualTo(1);

        // Too few for 99%, whatever they say; as many as were named are enough where none is wrong.
        TargetAccuracy more = new TargetAccuracy(0.99, 0.95);
        long needed = right(100).acceptance(more).labelsNeeded();
        assertThat(right((int) needed).acceptance(more).verdict()).isEqualTo(Verdict.GUARANTEED);
    }

    @Test
    void shouldSayWhereNoNumberOfLabelsHelps() {
        List<GradedAnswer> answers = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            answers.add(new GradedAnswer(0.6 + 0.0007 * i, i % 4 != 0));
        }
        Acceptance none = SelectiveCounts.of(answers).acceptance(TARGET);
        assertThat(none.verdict()).isEqualTo(Verdict.OUT_OF_REACH);
        assertThat(none.accepts(1)).isFalse();
        assertThat(SelectiveCounts.of(answers.subList(0, 20)).acceptance(TARGET).labelsNeeded())
                .isEqualTo(59);
    }

    /** What is known of eight answers, all right, rules nothing out. */
    @Test
    void shouldSayHowManyLabelsItTakesWhereTheFewSurestAnswersAreRight() {
        SelectiveCounts few = SelectiveCounts.ofCells(List.of(
                new SelectiveCounts.Cell(0.96, 8, 0),
                new SelectiveCounts.Cell(0.87, 12, 3),
                new SelectiveCounts.Cell(0.6, 40, 10)));
        Acceptance none = few.acceptance(TARGET);
        assertThat(none.verdict()).isEqualTo(Verdict.TOO_FEW_LABELS);
        assertThat(none.labelsNeeded()).isBetween(500L, 600L);
        SelectiveCounts more = SelectiveCounts.ofCells(List.of(
                new SelectiveCounts.Cell(0.96, 8 * 9, 0),
                new SelectiveCounts.Cell(0.87, 12 * 9, 3 * 9),
                new SelectiveCounts.Cell(0.6, 40 * 9, 10 * 9)));
        assertThat(more.labels()).isEqualTo((int) none.labelsNeeded());
        assertThat(more.acceptance(TARGET).verdict()).isEqualTo(Verdict.GUARANTEED);

        // One of the eight is wrong: at every start more than 5% are.
        SelectiveCounts wrong = SelectiveCounts.ofCells(
                List.of(new SelectiveCounts.Cell(0.96, 8, 1), new SelectiveCounts.Cell(0.6, 92, 23)));
        assertThat(wrong.acceptance(TARGET).verdict()).isEqualTo(Verdict.OUT_OF_REACH);
    }

    @Test
    void shouldAcceptFromTheThresholdOn() {
        Acceptance found = new Acceptance(TARGET, 100, Verdict.GUARANTEED, 0.93, 61, 1, 0);
        assertThat(found.accepts(0.93)).isTrue();
        assertThat(found.accepts(0.9299)).isFalse();
        assertThat(found.coverage()).isEqualTo(0.61);
    }

    @Test
    void shouldBeOneSetOfCountsInAnyOrderAndForm() {
        Random random = new Random(8);
        List<GradedAnswer> answers = World.CALIBRATED.draw(90, random);
        SelectiveCounts counts = SelectiveCounts.of(answers);
        Collections.shuffle(answers, random);
        assertThat(SelectiveCounts.of(answers).cells()).isEqualTo(counts.cells());
        assertThat(SelectiveCounts.ofCells(counts.cells()).cells()).isEqualTo(counts.cells());
        assertThat(counts.labels()).isEqualTo(90);
        assertThat(SelectiveCounts.of(answers).acceptance(TARGET)).isEqualTo(counts.acceptance(TARGET));
        // From somebody with finer thresholds.
        assertThat(SelectiveCounts.ofCells(List.of(new SelectiveCounts.Cell(0.937, 5, 2)))
                        .cells())
                .containsExactly(new SelectiveCounts.Cell(0.935, 5, 2));
        assertThat(SelectiveCounts.of(Collections.nCopies(100_000, new GradedAnswer(0.4, true)))
                        .cells())
                .hasSize(1);
    }

    @Test
    void shouldNeedLowerThresholdsForLess() {
        List<GradedAnswer> answers = World.CALIBRATED.draw(600, new Random(1));
        double last = 1;
        for (double accuracy : new double[] {0.95, 0.9, 0.85, 0.8}) {
            double threshold = SelectiveCounts.of(answers)
                    .acceptance(new TargetAccuracy(accuracy, 0.95))
                    .threshold();
            assertThat(threshold).isLessThanOrEqualTo(last);
            last = threshold;
        }
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        assertThatThrownBy(() -> new TargetAccuracy(1, 0.95))
                .hasMessage("accuracy must be above 0 and below 1, got 1.0");
        assertThatThrownBy(() -> new TargetAccuracy(0.9, Double.NaN))
                .hasMessage("confidence must be above 0 and below 1, got NaN");
        assertThatThrownBy(() -> new SelectiveCounts.Cell(0.5, 1, 2))
                .hasMessage("a cell from 0.5 cannot have 2 wrong of 1 answers");
    }

    private static SelectiveCounts right(int n) {
        return SelectiveCounts.of(Collections.nCopies(n, new GradedAnswer(0.96, true)));
    }
}
