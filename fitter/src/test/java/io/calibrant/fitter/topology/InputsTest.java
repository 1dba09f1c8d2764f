package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.familiarity.InputMoment;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Naive;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.records.SelectiveRecords;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.LabelSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FamiliarityBasis;
import io.calibrant.schemas.avro.InputFactor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One-sided blocks: folded as any other, some questions after the rest, and scored before that. */
class InputsTest {
    private static final int D = 23;
    private static final int QUESTIONS = 4;
    private static final long BATCHES = 20;
    private static final Block SAME = new Block("model.layers.0.self_attn.last_input", 1, D, Side.INPUT);
    private static final Block SPREAD = new Block("model.layers.1.self_attn.last_input", 1, D, Side.INPUT);
    private static final Block WIDER = new Block("model.layers.2.self_attn.last_input", 1, D, Side.INPUT);
    private static final List<Block> INPUTS = List.of(SAME, SPREAD, WIDER);
    private static final String FIT = Keys.fit(Pass.RUN, Pass.CHECKPOINT, "default") + '/';

    @TempDir
    Path stateDir;

    private Driver driver(String name) {
        Driver driver = new Driver(Driver.settings(), stateDir.resolve(name), Map.of());
        Run run = Pass.run(Pass.RANK);
        run.setInputs(INPUTS);
        driver.run(run);
        return driver;
    }

    private static double[] rows(Block input, long batch) {
        double[] rows = input.equals(SAME)
                ? new double[QUESTIONS * D]
                : Naive.random(100 + 1000L * INPUTS.indexOf(input) + batch, QUESTIONS * D);
        for (int i = 0; i < rows.length; i++) {
            rows[i] = (float) (rows[i] * (input.equals(WIDER) ? 3 : 1) + (i % D == 2 ? 4 : 0));
        }
        return rows;
    }

    private static Statistics statistic(Block input, long batch, Long expected) {
        double[] rows = rows(input, batch);
        return Statistics.newBuilder()
                .setRunId(Pass.RUN)
                .setCheckpoint(Pass.CHECKPOINT)
                .setBlock(input.getName())
                .setBatch(batch)
                .setBatchesExpected(expected)
                .setRows(Tensors.narrowed(rows, QUESTIONS, D))
                .setSmall(Tensors.of(new double[] {QUESTIONS}, 1, 1))
                .setN(QUESTIONS)
                .setExamples(QUESTIONS)
                .setTrace(Naive.squaredNorm(rows))
                .build();
    }

    private static KroneckerFactor folded(Block input, long... batches) {
        KroneckerFactor factor = KroneckerFactor.empty(D, 1, Pass.RANK, Compression.TRUNCATE);
        for (long batch : batches) {
            double[] rows = rows(input, batch);
            factor = factor.fold(
                    new BatchSums(
                            Rows.of(rows),
                            QUESTIONS,
                            Naive.squaredNorm(rows),
                            new double[] {QUESTIONS},
                            QUESTIONS,
                            QUESTIONS,
                            0),
                    1);
        }
        return factor;
    }

    private static void send(Driver driver, Block input, long batch) {
        driver.send(Keys.block(Pass.RUN, Pass.CHECKPOINT, input.getName()), statistic(input, batch, BATCHES));
    }

    private static void sendBlocks(Driver driver) {
        for (long batch = 0; batch < BATCHES; batch++) {
            for (Block block : Pass.BLOCKS) {
                driver.send(block, batch, BATCHES);
            }
        }
    }

    private static String key(Block input) {
        return Keys.blockFit(Pass.RUN, Pass.CHECKPOINT, input.getName(), "default");
    }

    @Test
    void shouldScoreEverySecondRecordByTheRestAndFoldItLast() {
        try (Driver driver = driver("plain")) {
            sendBlocks(driver);
            assertThat(driver.posteriors())
                    .as("without its inputs no posterior")
                    .isEmpty();
            for (long batch = 0; batch < BATCHES; batch++) {
                for (Block input : INPUTS) {
                    send(driver, input, batch);
                }
            }
            assertThat(driver.deadLetters()).isEmpty();
            List<Posterior> posteriors = driver.posteriors();
            Posterior last = posteriors.get(posteriors.size() - 1);
            assertThat(last.getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(posteriors.subList(0, posteriors.size() - 1))
                    .allMatch(each -> each.getState() == PosteriorState.LIVE)
                    .allMatch(each -> each.getFamiliarity().getScores().isEmpty());
            FamiliarityBasis familiarity = last.getFamiliarity();
            assertThat(familiarity.getSince()).isEqualTo(last.getVersion());
            assertThat(familiarity.getInputs())
                    .containsExactly(
                            new InputFactor(SAME.getName(), BATCHES, false),
                            new InputFactor(SPREAD.getName(), BATCHES, true),
                            new InputFactor(WIDER.getName(), BATCHES, true));

            long[] kept = LongStream.range(0, BATCHES).filter(b -> b % 2 == 0).toArray();
            long[] held = LongStream.range(0, BATCHES).filter(b -> b % 2 == 1).toArray();
            double[] scores = scores(kept, held);
            assertThat(familiarity.getTrainingScores()).hasSize(40).isEqualTo(familiarity.getScores());
            for (int i = 0; i < scores.length; i++) {
                assertThat(familiarity.getScores().get(i)).isCloseTo(scores[i], within(1e-5));
            }
            long[] order =
                    LongStream.concat(Arrays.stream(kept), Arrays.stream(held)).toArray();
            Factor factor = driver.factors().get(key(WIDER));
            KroneckerFactor whole = folded(WIDER, order);
            assertThat(factor.getBatches()).isEqualTo(BATCHES);
            assertThat(factor.getExamples()).isEqualTo(BATCHES * QUESTIONS);
            assertThat(factor.getTrace()).isCloseTo(whole.large().trace(), within(1e-9));
            assertThat(FactorRecords.factor(factor).large().spectrum().values())
                    .containsExactly(whole.large().spectrum().values(), within(1e-3));
            assertThat(driver.state(key(WIDER) + "/held-out/0000000000000000001"))
                    .as("nothing waits any more")
                    .isNull();
        }
    }

    /** Ascending means over the two layers that count, by the fold of the others. */
    private static double[] scores(long[] kept, long... held) {
        List<Double> scores = new ArrayList<>();
        List<InputMoment> moments = new ArrayList<>();
        for (Block input : List.of(SPREAD, WIDER)) {
            KroneckerFactor rest = folded(input, kept);
            moments.add(InputMoment.of(rest.large(), rest.n()));
        }
        for (long batch : held) {
            for (int q = 0; q < QUESTIONS; q++) {
                scores.add((moments.get(0).score(rows(SPREAD, batch), q * D)
                                + moments.get(1).score(rows(WIDER, batch), q * D))
                        / 2);
            }
        }
        return scores.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    }

    @Test
    void shouldCountEachBatchOnceAndGiveTheSameWheneverWhatWaitsCame() {
        List<Long> order = new ArrayList<>(LongStream.range(0, BATCHES).boxed().toList());
        FamiliarityBasis plain = last(order, "plain").getFamiliarity();

        List<Long> twice = new ArrayList<>();
        order.forEach(batch -> twice.addAll(List.of(batch, batch)));
        assertThat(last(twice, "twice").getFamiliarity()).isEqualTo(plain);

        // what waits may come at any time; only the order of the others decides what they are folded to
        List<Long> early =
                new ArrayList<>(order.stream().filter(b -> b % 2 == 1).toList());
        Collections.reverse(early);
        early.addAll(order.stream().filter(b -> b % 2 == 0).toList());
        assertThat(last(early, "early").getFamiliarity()).isEqualTo(plain);
    }

    @Test
    void shouldRankAmongTheScoresOfLabelledQuestionsToo() {
        try (Driver driver = driver("labels")) {
            Posterior base = pass(driver);
            for (int i = 0; i < 3; i++) {
                answer(driver, Answers.validation("validation" + i, base.getVersion(), i), i / 10.0, 0.5);
            }
            answer(driver, asked("unfamiliar", base.getVersion()), 7, 0.01);
            answer(driver, asked("familiar", base.getVersion()), 0.3, 0.6);
            answer(driver, asked("of earlier factors", base.getVersion() - 1), 8, 0.01);
            driver.look(2);

            Posterior calibrated = driver.posteriors().get(0);
            assertThat(calibrated.getLabels()).isEqualTo(3);
            List<Double> expected = new ArrayList<>(base.getFamiliarity().getScores());
            expected.addAll(List.of(0.0, 0.1, 0.2, 7.0));
            Collections.sort(expected);
            assertThat(calibrated.getFamiliarity().getScores()).isEqualTo(expected);
            assertThat(calibrated.getFamiliarity().getCheckedScores()).containsExactly(7.0);
            assertThat(calibrated.getFamiliarity().getTrainingScores())
                    .isEqualTo(base.getFamiliarity().getScores());

            for (int i = 3; i < 300; i++) {
                answer(driver, Answers.validation("validation" + i, base.getVersion(), i), i / 10.0, 0.5);
            }
            driver.look(2);
            assertThat(driver.posteriors().get(0).getFamiliarity().getScores())
                    .as("300 validation questions are enough, without those of training questions")
                    .hasSize(301)
                    .contains(7.0, 29.9);
        }
    }

    /** A scorer accepts no unfamiliar question, so no threshold may rest on how these were answered. */
    @Test
    void shouldRestThresholdsOnQuestionsThatAScorerAccepts() {
        try (Driver driver = driver("thresholds")) {
            Posterior base = pass(driver);
            for (int i = 0; i < 100; i++) {
                boolean isUnfamiliar = i < 6; // with 40 training questions 5 of 140 are as far off as each of them
                answer(
                        driver,
                        Answers.validation("validation" + i, base.getVersion(), i),
                        isUnfamiliar ? 50 : 0.3,
                        0.5);
            }
            driver.look(2);
            Posterior calibrated = driver.posteriors().get(0);
            assertThat(calibrated.getLabels()).isEqualTo(100);
            assertThat(calibrated.getFamiliarity().getScores()).hasSize(140);
            for (String tier : List.of("all", "last-layer", "forward", "map")) {
                assertThat(SelectiveRecords.of(calibrated, tier).labels()).isEqualTo(94);
            }
        }
    }

    /** What a fit was calibrated on stays, though the question is forgotten; asked again it is a new one. */
    @Test
    void shouldKeepTheLabelOfAForgottenQuestionThatIsAskedAgain() {
        FitterSettings days = Driver.settings().with(new LabelSettings(Duration.ofHours(1), Duration.ofDays(2)));
        try (Driver driver = new Driver(days, stateDir.resolve("forgotten"), Map.of())) {
            Run run = Pass.run(Pass.RANK);
            run.setInputs(INPUTS);
            driver.run(run);
            Posterior base = pass(driver);
            for (int i = 0; i < 3; i++) {
                answer(driver, Answers.validation("validation" + i, base.getVersion(), i), i / 10.0, 0.5);
            }
            driver.look(2);
            assertThat(driver.posteriors().get(0).getLabels()).isEqualTo(3);

            long later = Duration.ofDays(5).toMillis();
            driver.answer(asked("later", base.getVersion()), later);
            assertThat(driver.storedBytes("validation0")).isZero();
            Answer again = asked("validation0", base.getVersion());
            again.setFamiliarity(7.0);
            again.setFamiliarityP(0.01);
            driver.answer(again, later);
            driver.label("validation0", "A", later);
            driver.look(2);
            assertThat(driver.labelledAnswers().get(FIT + "validation0").isLabelled())
                    .isTrue();
            assertThat(driver.posteriors()).isEmpty();
        }
    }

    @Test
    void shouldKeepNoAnswerThatCanNoLongerCount() {
        try (Driver driver = driver("past")) {
            askAll(driver, "early ", 1); // before there is a posterior: it may be of any
            assertThat(driver.labelledAnswers()).hasSize(4);
            Posterior base = pass(driver);
            assertThat(base.getVersion()).isGreaterThan(2);
            driver.look(2);
            assertThat(driver.labelledAnswers()).containsOnlyKeys(FIT + "early labelled");

            askAll(driver, "late ", base.getVersion() - 1);
            assertThat(driver.labelledAnswers()).containsOnlyKeys(FIT + "early labelled", FIT + "late labelled");
            askAll(driver, "", base.getVersion());
            driver.look(2);
            assertThat(driver.labelledAnswers()).hasSize(6);
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    @Test
    void shouldKeepNoAnswerOfAPassThatGoesOn() {
        try (Driver driver = driver("live answers")) {
            for (long batch = 0; batch < 2; batch++) {
                long each = batch;
                Pass.BLOCKS.forEach(block -> driver.send(block, each, BATCHES));
                INPUTS.forEach(input -> send(driver, input, each));
            }
            List<Posterior> made = driver.posteriors();
            Posterior live = made.get(made.size() - 1);
            assertThat(live.getState()).isEqualTo(PosteriorState.LIVE);
            askAll(driver, "", live.getVersion());
            assertThat(driver.labelledAnswers()).containsOnlyKeys(FIT + "labelled");
        }
    }

    /** One of each kind: unfamiliar, for the noise, for validation without a label and with one. */
    private static void askAll(Driver driver, String prefix, long version) {
        answer(driver, asked(prefix + "unfamiliar", version), 7, 0.01);
        Answer noise = Answers.validation(prefix + "noise", version, 1);
        noise.setPurpose(Purpose.NOISE);
        driver.answer(noise, 5000);
        driver.answer(Answers.validation(prefix + "unlabelled", version, 2), 5000);
        answer(driver, Answers.validation(prefix + "labelled", version, 3), 0.5, 0.5);
    }

    @Test
    void shouldFitNothingAnewWhereOnlyUnfamiliarQuestionsWereLabelled() {
        try (Driver driver = driver("unfamiliar")) {
            Posterior base = pass(driver);
            for (int i = 0; i < 3; i++) {
                answer(driver, Answers.validation("validation" + i, base.getVersion(), i), i / 10.0, 0.5);
            }
            driver.look(2);
            Posterior calibrated = driver.posteriors().get(0);
            assertThat(calibrated.getLabels()).isEqualTo(3);

            // Put there behind its back: a calibration of all would count it.
            driver.putLabelledAnswer(FIT + "unseen", driver.labelledAnswers().get(FIT + "validation0"));
            answer(driver, asked("unfamiliar", base.getVersion()), 7, 0.01);
            driver.look(2);
            Posterior scored = driver.posteriors().get(0);
            assertThat(scored.getVersion()).isEqualTo(calibrated.getVersion() + 1);
            assertThat(scored.getFamiliarity().getScores()).contains(7.0);
            assertThat(scored.getLabels()).isEqualTo(3);
            assertThat(scored.getTiers()).isEqualTo(calibrated.getTiers());

            CalibrationAnswer unfamiliar = driver.labelledAnswers().get(FIT + "unfamiliar");
            for (int i = 0; i < 2050; i++) {
                driver.putLabelledAnswer(FIT + "more" + i, unfamiliar);
            }
            answer(driver, Answers.validation("validation3", base.getVersion(), 3), 0.3, 0.5);
            driver.look(2);
            assertThat(driver.posteriors().get(0).getLabels()).isEqualTo(5);
            assertThat(driver.labelledAnswers())
                    .as("2,000 unfamiliar ones, and those for validation")
                    .hasSize(2005);
        }
    }

    private static Posterior pass(Driver driver) {
        sendBlocks(driver);
        LongStream.range(0, BATCHES).forEach(batch -> INPUTS.forEach(input -> send(driver, input, batch)));
        List<Posterior> made = driver.posteriors();
        return made.get(made.size() - 1);
    }

    private static Answer asked(String id, long version) {
        Answer answer = Answers.of(id, 9);
        answer.setPosteriorVersion(version);
        return answer;
    }

    private static void answer(Driver driver, Answer answer, double familiarity, double p) {
        answer.setFamiliarity(familiarity);
        answer.setFamiliarityP(p);
        driver.answer(answer, 5000);
        driver.label(answer.getQuestionId(), "A", 5000);
    }

    private Posterior last(List<Long> batches, String name) {
        try (Driver driver = driver(name)) {
            sendBlocks(driver);
            batches.forEach(batch -> INPUTS.forEach(input -> send(driver, input, batch)));
            batches.forEach(batch -> INPUTS.forEach(input -> send(driver, input, batch)));
            assertThat(driver.deadLetters()).isEmpty();
            assertThat(driver.factors().get(key(SPREAD)).getExamples()).isEqualTo(BATCHES * QUESTIONS);
            List<Posterior> posteriors = driver.posteriors();
            return posteriors.get(posteriors.size() - 1);
        }
    }

    @Test
    void shouldFoldAtOnceWhatHasNoEndOrNoRowOfItsOwn() {
        try (Driver driver = driver("live")) {
            Statistics live = statistic(SPREAD, 1, null);
            driver.send(Keys.block(Pass.RUN, Pass.CHECKPOINT, SPREAD.getName()), live);
            assertThat(driver.state(key(SPREAD)).getExamples()).isEqualTo(QUESTIONS);
            Statistics reduced = statistic(WIDER, 1, BATCHES);
            reduced.setExamples(8);
            driver.send(Keys.block(Pass.RUN, Pass.CHECKPOINT, WIDER.getName()), reduced);
            assertThat(driver.state(key(WIDER)).getExamples()).isEqualTo(8);
        }
    }

    /** Familiarity alone does without a record that cannot be used; the posterior does not wait for it. */
    @Test
    void shouldEndThePassWithoutRowsThatCannotBeFolded() {
        try (Driver driver = driver("spoilt")) {
            sendBlocks(driver);
            for (long batch = 0; batch < BATCHES; batch++) {
                send(driver, SAME, batch);
                send(driver, WIDER, batch);
                if (batch != 0 && batch != 3 && batch != 6 && batch != BATCHES - 1) {
                    send(driver, SPREAD, batch);
                }
            }
            driver.posteriors();
            assertThat(driver.deadLetters()).isEmpty();
            spoilt(driver, 0, Float.NaN, 1, "rows holds NaN at index 5"); // would be folded at once
            spoilt(driver, 3, Float.POSITIVE_INFINITY, 1, "rows holds Infinity at index 5"); // would wait
            spoilt(driver, 6, 1, Double.NaN, "trace is NaN");
            spoilt(driver, BATCHES - 1, 1e35, 1, "too large to be folded"); // ends the pass

            List<Posterior> posteriors = driver.posteriors();
            Posterior last = posteriors.get(posteriors.size() - 1);
            assertThat(last.getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(last.getFamiliarity().getInputs())
                    .containsExactly(
                            new InputFactor(SAME.getName(), BATCHES, false),
                            new InputFactor(SPREAD.getName(), BATCHES, true),
                            new InputFactor(WIDER.getName(), BATCHES, true));
            Map<String, Factor> factors = driver.factors();
            assertThat(factors.get(key(SPREAD)).getExamples()).isEqualTo((BATCHES - 4) * QUESTIONS);
            assertThat(factors.get(key(WIDER)).getExamples()).isEqualTo(BATCHES * QUESTIONS);

            spoilt(driver, 3, Float.NaN, 1, null); // once more
            assertThat(driver.posteriors()).isEmpty();
        }
    }

    private static void spoilt(Driver driver, long batch, double number, double trace, String reason) {
        Statistics value = statistic(SPREAD, batch, BATCHES);
        double[] rows = rows(SPREAD, batch);
        rows[5] = number;
        value.setRows(Tensors.of(rows, QUESTIONS, D));
        value.setTrace(trace);
        driver.send(Keys.block(Pass.RUN, Pass.CHECKPOINT, SPREAD.getName()), value);
        if (reason == null) {
            assertThat(driver.deadLetters()).isEmpty();
        } else {
            assertThat(reason(driver)).contains(reason);
        }
    }

    @Test
    void shouldRefuseWhatIsNoInput() {
        try (Driver driver = driver("bad")) {
            Statistics infinite = statistic(SPREAD, 1, BATCHES);
            double[] rows = rows(SPREAD, 1);
            rows[5] = Double.POSITIVE_INFINITY;
            infinite.setRows(Tensors.of(rows, QUESTIONS, D));
            driver.send(Keys.block(Pass.RUN, Pass.CHECKPOINT, SPREAD.getName()), infinite);
            assertThat(reason(driver)).contains("rows holds Infinity at index 5");
            assertThat(driver.state(key(SPREAD)).getExamples()).isZero();
            assertThat(driver.state(key(SPREAD)).getTrace()).isZero();

            Statistics unknown = statistic(SPREAD, 0, BATCHES);
            unknown.setBlock("model.layers.9.self_attn.last_input");
            driver.send(Keys.block(Pass.RUN, Pass.CHECKPOINT, unknown.getBlock()), unknown);
            assertThat(reason(driver)).contains("the run has no such block");

            Run wide = Pass.run(Pass.RANK);
            wide.setInputs(List.of(new Block("wide", 2, D, Side.INPUT)));
            driver.run(wide);
            send(driver, SPREAD, 0);
            assertThat(reason(driver))
                    .contains("outputs and large side of input wide must be 1 and INPUT, got '2 and INPUT'");
        }
    }

    private static String reason(Driver driver) {
        var letters = driver.deadLetters();
        assertThat(letters).hasSize(1);
        return new String(
                letters.get(0).headers().lastHeader("__streams.errors.message").value(),
                java.nio.charset.StandardCharsets.UTF_8);
    }
}
