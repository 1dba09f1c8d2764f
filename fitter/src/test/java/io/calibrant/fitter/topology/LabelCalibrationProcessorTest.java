package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.Member;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.records.SelectiveRecords;
import io.calibrant.fitter.selective.GradedAnswer;
import io.calibrant.fitter.selective.SelectiveCounts;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.TierConfidences;
import io.calibrant.schemas.avro.TierMembers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Labels of validation answers, and the versions of the posterior that they make. */
class LabelCalibrationProcessorTest {
    private static final long COMPLETE = 2;
    private static final int QUESTIONS = 40;

    @TempDir
    Path stateDir;

    @Test
    void shouldTuneOnWhatThisPosteriorsFactorsAnsweredForValidation() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            Posterior base = driver.posteriors().get(1);
            assertThat(base.getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(base.getVersion()).isEqualTo(COMPLETE);
            driver.look(3);
            assertThat(driver.posteriors()).isEmpty(); // no labels, no version

            sendAll(driver, QUESTIONS);
            // none of these may count: other factors, not for validation, of another fit, without a usable label
            driver.answer(Answers.validation("live", COMPLETE - 1, 1), 5000);
            driver.label("live", "A", 5000);
            driver.answer(Answers.of("asked", 2), 5000);
            driver.label("asked", "A", 5000);
            Answer other = Answers.validation("other", COMPLETE, 3);
            other.setFit("other");
            driver.answer(other, 5000);
            driver.label("other", "A", 5000);
            driver.answer(Answers.validation("unusable", COMPLETE, 4), 5000);
            driver.label("unusable", "Z", 5000);
            driver.answer(Answers.validation("unlabelled", COMPLETE, 5), 5000);
            assertThat(driver.posteriors()).isEmpty();

            driver.look(2);
            List<Posterior> calibrated = driver.posteriors();
            assertThat(calibrated).hasSize(1);
            shouldBe(calibrated.get(0), base, 3, expected(QUESTIONS));
            // those without a usable label count for the noise of a logit
            assertThat(calibrated.get(0).getTimestamp()).isEqualTo(Instant.ofEpochMilli(5000));
            assertThat(calibrated.get(0).getLogitVarianceQuestions()).isEqualTo(QUESTIONS + 2);
            assertThat(driver.heard).last().isEqualTo(calibrated.get(0));
        }
    }

    @Test
    void shouldTakeTheTemperatureOfARefitFromOtherFitsAnswersUntilItHasItsOwn() {
        StatisticsSelection selection = new StatisticsSelection(Pass.RUN, null, 0, Long.MAX_VALUE, Set.of(), null);
        FitterSettings refit = Driver.settings().named("refit").selecting(selection);
        try (Driver driver = new Driver(refit, stateDir.resolve("refit"), Map.of())) {
            driver.run(Pass.run(Pass.RANK));
            pass(driver);
            Posterior base = driver.posteriors().get(1);
            sendAll(driver, QUESTIONS); // of fit default, whatever version of it
            // none of these may count: another run, not for validation
            Answer elsewhere = Answers.validation("elsewhere", 1, 6);
            elsewhere.setRunId("elsewhere");
            driver.answer(elsewhere, 5000);
            driver.label("elsewhere", "A", 5000);
            driver.answer(Answers.of("asked", 2), 5000);
            driver.label("asked", "A", 5000);
            driver.look(2);
            List<Posterior> calibrated = driver.posteriors();
            assertThat(calibrated).hasSize(1);
            assertThat(calibrated.get(0))
                    .returns((long) QUESTIONS, Posterior::getLabels)
                    .returns(expected(QUESTIONS).temperature(), Posterior::getTemperature)
                    .returns(Calibration.AVERAGED, Posterior::getCalibration)
                    .returns(null, Posterior::getVarianceScale)
                    .returns(base.getBlocks(), Posterior::getBlocks);
            // nothing of other fits is measured here; one label belongs to no answer of this fit
            assertThat(driver.calibration().keySet()).allMatch(key -> key.startsWith("//refit/"));

            for (int i = 0; i < QUESTIONS; i++) {
                Answer own = answer(i);
                own.setFit("refit");
                own.setPosteriorVersion(calibrated.get(0).getVersion());
                driver.answer(own, 6000);
            }
            driver.look(2);
            Posterior whole = driver.posteriors().get(0);
            assertThat(whole.getLabels()).isEqualTo(QUESTIONS);
            assertThat(whole.getVarianceScale())
                    .isEqualTo(expected(QUESTIONS).variance().scale());
        }
    }

    @Test
    void shouldMakeANewVersionOnlyWhereSomethingChanged() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            Posterior base = driver.posteriors().get(1);
            sendAll(driver, QUESTIONS);
            driver.look(2);
            Posterior first = driver.posteriors().get(0);

            sendAll(driver, QUESTIONS); // everything once more
            driver.look(30);
            assertThat(driver.posteriors()).isEmpty();

            driver.answer(answer(0), 9000);
            driver.label(id(0), label(0).equals("A") ? "B" : "A", 9000);
            driver.look(2);
            Posterior relabelled = driver.posteriors().get(0);
            assertThat(relabelled.getVersion()).isEqualTo(4);
            assertThat(relabelled.getLabels()).isEqualTo(QUESTIONS);
            assertThat(relabelled.getTemperature()).isNotEqualTo(first.getTemperature());

            driver.label(id(0), "Z", 9000);
            driver.look(2);
            assertThat(driver.posteriors().get(0).getLabels()).isEqualTo(QUESTIONS - 1);

            driver.label(id(0), label(0), 9000);
            driver.look(2);
            shouldBe(driver.posteriors().get(0), base, 6, expected(QUESTIONS));

            // answered again by the calibrated version: the same factors, the same raw numbers
            Answer again = answer(0);
            again.setPosteriorVersion(6);
            driver.answer(again, 9100);
            driver.look(2);
            assertThat(driver.posteriors()).isEmpty();

            for (int i = 0; i < QUESTIONS; i++) {
                driver.label(id(i), "Z", 9200);
            }
            driver.look(2);
            Posterior none = driver.posteriors().get(0);
            assertThat(none.getLabels()).isZero();
            assertThat(none.getCalibration()).isNotEqualTo(Calibration.AVERAGED);
            assertThat(none.getTemperature()).isNull();
            assertThat(none.getVarianceScale()).isNull();
            assertThat(none.getTemperatureNll()).isNull();
        }
    }

    @Test
    void shouldSayTheSameWhateverTheOrder() {
        List<Posterior> calibrated = new ArrayList<>();
        for (long seed = 0; seed < 4; seed++) {
            try (Driver driver = driver(Runnable::run)) {
                List<Runnable> events = new ArrayList<>();
                for (int i = 0; i < QUESTIONS; i++) {
                    int question = i;
                    events.add(() -> driver.answer(answer(question), 2000 + question));
                    events.add(() -> driver.label(id(question), label(question), 2000 + question));
                }
                Collections.shuffle(events, new Random(seed));
                int before = (int) seed * events.size() / 3; // even all of it before there is a posterior
                events.subList(0, before).forEach(Runnable::run);
                pass(driver);
                events.subList(before, events.size()).forEach(Runnable::run);
                driver.look(2);
                calibrated.add(driver.posteriors().get(2));
            }
        }
        assertThat(calibrated).allMatch(posterior -> posterior.equals(calibrated.get(0)));
        assertThat(calibrated.get(0).getLabels()).isEqualTo(QUESTIONS);
    }

    @Test
    void shouldWaitUntilNoMoreLabelsComeButNotForEver() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            assertThat(driver.posteriors()).hasSize(2);
            for (int i = 0; i < 20; i++) {
                driver.answer(answer(i), 2000);
                driver.label(id(i), label(i), 2000);
                driver.look(1);
            }
            assertThat(driver.posteriors()).isEmpty();
            for (int i = 20; i < 30; i++) {
                driver.answer(answer(i), 2000);
                driver.label(id(i), label(i), 2000);
                driver.look(1);
            }
            assertThat(driver.posteriors()).hasSize(1);
            driver.look(2);
            assertThat(driver.posteriors()).extracting(Posterior::getLabels).containsExactly(30L);
        }
    }

    @Test
    void shouldScaleNoVarianceWhereNoAnswerHasTheWholeOfIt() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            assertThat(driver.posteriors()).hasSize(2);
            for (int i = 0; i < QUESTIONS; i++) {
                Answer answer = answer(i);
                answer.setTier(i % 2 == 0 ? "map" : "last-layer");
                answer.setContrastCovariance(List.of());
                driver.answer(answer, 2000);
                driver.label(id(i), label(i), 2000);
            }
            driver.look(2);
            Posterior temperature = driver.posteriors().get(0);
            assertThat(temperature.getCalibration()).isEqualTo(Calibration.AVERAGED);
            assertThat(temperature.getTemperature())
                    .isEqualTo(expected(QUESTIONS).temperature());
            assertThat(temperature.getVarianceScale()).isNull();
            assertThat(temperature.getVarianceNll()).isNull();
            assertThat(names(temperature, "all")).containsExactly(Member.TEMPERATURE);

            for (int i = 0; i < 20; i++) { // no label, but the noise of a logit
                driver.answer(Answers.validation("unlabelled" + i, COMPLETE, i), 3000);
            }
            driver.look(2);
            Posterior noise = driver.posteriors().get(0);
            assertThat(noise.getLabels()).isEqualTo(QUESTIONS);
            assertThat(noise.getTimestamp()).isEqualTo(Instant.ofEpochMilli(3000));
            assertThat(names(noise, "all")).containsExactly(Member.NOISE, Member.TEMPERATURE);
            assertThat(names(noise, "forward"))
                    .containsExactly(Member.NOISE, Member.TEMPERATURE, Member.TEMPERATURE_NOISE);
            assertThat(noise.getVarianceScale()).isNull();

            sendAll(driver, 25);
            driver.look(2);
            Posterior whole = driver.posteriors().get(0);
            assertThat(whole.getLabels()).isEqualTo(25);
            assertThat(whole.getVarianceScale())
                    .isEqualTo(expected(25).variance().scale());
        }
    }

    @Test
    void shouldReadTheNoiseOfALogitOffAnswersWithoutLabels() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            Posterior base = driver.posteriors().get(1);
            assertThat(base.getCalibration()).isEqualTo(Calibration.LABEL_FREE);
            assertThat(base.getLabelFreeScale()).isCloseTo(1 / 7.0, within(1e-12));
            assertThat(base.getLogitVariance()).isNull();
            assertThat(names(base, "all")).containsExactly(Member.SCALED);
            assertThat(names(base, "forward")).isEmpty();

            for (int i = 0; i < 19; i++) {
                driver.answer(answer(i), 2000 + i);
            }
            driver.look(2);
            assertThat(driver.posteriors()).isEmpty(); // too few

            driver.answer(answer(19), 2100);
            driver.look(2);
            Posterior known = driver.posteriors().get(0);
            assertThat(known.getLogitVariance()).isCloseTo(0.875, within(1e-9));
            assertThat(known.getLogitVarianceQuestions()).isEqualTo(20);
            assertThat(known.getLabels()).isZero();
            assertThat(known.getCalibration()).isEqualTo(Calibration.LABEL_FREE);
            assertThat(known.getTimestamp()).isEqualTo(Instant.ofEpochMilli(2100));
            assertThat(names(known, "all")).containsExactly(Member.SCALED, Member.NOISE);
            assertThat(known.getTiers().get(0).getMembers())
                    .extracting(CalibrationMember::getWeight)
                    .containsOnly(0.5);
            assertThat(names(known, "forward")).containsExactly(Member.NOISE);
            assertThat(names(known, "map")).isEmpty();
            for (int i = 0; i < 20; i++) {
                driver.answer(answer(i), 2200); // once more: nothing new
            }
            driver.look(30);
            assertThat(driver.posteriors()).isEmpty();
        }
    }

    @Test
    void shouldTakeTrainingQuestionsForTheNoiseWhereThereAreTooFewForValidation() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            assertThat(driver.posteriors()).hasSize(2);
            for (int i = 0; i < 25; i++) {
                driver.answer(forNoise(i, 6), 2000 + i);
            }
            driver.answer(forNoise(0, 6), 2500); // once more
            driver.look(2);
            Posterior known = driver.posteriors().get(0);
            assertThat(known.getLogitVariance()).isCloseTo(6 * 0.875, within(1e-9));
            assertThat(known.getLogitVarianceQuestions()).isEqualTo(25);
            assertThat(known.getLabels()).isZero();
            // counted nowhere: no answer that waits for a label, and no label calibrates with it
            assertThat(driver.calibration()).isEmpty();
            driver.label("noise-3", "A", 2600);
            driver.look(2);
            assertThat(driver.posteriors()).isEmpty();

            sendAll(driver, 20); // enough of them: those for the noise do not count any more
            driver.look(2);
            Posterior validated = driver.posteriors().get(0);
            assertThat(validated.getLogitVariance()).isCloseTo(0.875, within(1e-9));
            assertThat(validated.getLogitVarianceQuestions()).isEqualTo(20);
            assertThat(validated.getLabels()).isEqualTo(20);
            assertThat(driver.deadLetters()).isEmpty();

            Answer cheap = forNoise(3, 6);
            cheap.setTier("map");
            driver.answer(cheap, 2700);
            assertThat(driver.deadLetters())
                    .singleElement()
                    .satisfies(letter -> assertThat(
                                    DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.MESSAGE, ""))
                            .contains("tier is map, expected all of an answer for the noise of a logit"));
        }
    }

    private static Answer forNoise(int i, double size) {
        Answer answer = Answers.validation("noise-" + i, COMPLETE, 1000 + i);
        answer.setPurpose(Purpose.NOISE);
        answer.setContrastCovariance(answer.getContrastCovariance().stream()
                .map(row -> row.stream().map(value -> size * value).toList())
                .toList());
        return answer;
    }

    private static List<String> names(Posterior posterior, String tier) {
        return posterior.getTiers().stream()
                .filter(each -> each.getTier().equals(tier))
                .flatMap(each -> each.getMembers().stream())
                .map(CalibrationMember::getName)
                .toList();
    }

    @Test
    void shouldTakeOutAnEntryThatMakesItFailAndGoOnWithoutIt() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            Posterior base = driver.posteriors().get(1);
            List<Double> indefinite = List.of(1.0, 2.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.0);
            for (String id : List.of("bad/1", "bad/2")) {
                driver.putLabelledAnswer(
                        Pass.RUN + '/' + Pass.CHECKPOINT + "/default/" + id,
                        new CalibrationAnswer(COMPLETE, 0, List.of(1.0, 2.0, 3.0), indefinite, 2000, null));
            }
            sendAll(driver, QUESTIONS);
            driver.look(4);
            shouldBe(driver.posteriors().get(0), base, 3, expected(QUESTIONS));
            assertThat(driver.deadLetters()).hasSize(2).allSatisfy(letter -> {
                assertThat(new String(letter.key(), StandardCharsets.UTF_8)).contains("/default/bad/");
                assertThat(new String(letter.value(), StandardCharsets.UTF_8)).contains("mean=[1.0, 2.0, 3.0]");
                assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.MESSAGE, ""))
                        .contains("question 'bad/")
                        .contains("make the calibration of run-1/step-7/default fail")
                        .contains("not positive semi-definite");
            });
            driver.look(4);
            assertThat(driver.posteriors()).isEmpty();
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    /** The first one is calibrated again while the look goes on to the second. */
    @Test
    void shouldTakeOutAnEntryWhileAnotherFitWaits() {
        try (Driver driver = driver(Runnable::run)) {
            pass(driver);
            Posterior base = driver.posteriors().get(1);
            sendAll(driver, QUESTIONS);
            driver.putLabelledAnswer(
                    Pass.RUN + '/' + Pass.CHECKPOINT + "/default/bad",
                    new CalibrationAnswer(
                            COMPLETE,
                            0,
                            List.of(1.0, 2.0, 3.0),
                            List.of(1.0, 2.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.0),
                            2000,
                            null));
            Answer elsewhere = Answers.validation("elsewhere", 1, 1);
            elsewhere.setCheckpoint("step-8");
            driver.answer(elsewhere, 3000);
            driver.look(4);
            shouldBe(driver.posteriors().get(0), base, 3, expected(QUESTIONS));
            assertThat(driver.deadLetters()).hasSize(1);
        }
    }

    @Test
    void shouldNotHoldUpTheStreamWhileItComputes() {
        Queue<Runnable> tasks = new ArrayDeque<>();
        try (Driver driver = driver(tasks::add)) {
            pass(driver);
            Posterior base = driver.posteriors().get(1);
            sendAll(driver, 30);
            driver.look(3);
            assertThat(tasks).hasSize(1);
            sendAll(driver, QUESTIONS); // goes on meanwhile
            driver.look(3);
            assertThat(driver.posteriors()).isEmpty();
            assertThat(tasks).hasSize(1);
            tasks.remove().run();
            driver.look(1);
            shouldBe(driver.posteriors().get(0), base, 3, expected(30));
            tasks.remove().run();
            driver.look(1);
            shouldBe(driver.posteriors().get(0), base, 4, expected(QUESTIONS));
            driver.look(30);
            assertThat(tasks).isEmpty();
        }
    }

    private static SelectiveCounts counts(List<LabelledProbabilities> served) {
        return SelectiveCounts.of(served.stream().map(GradedAnswer::of).toList());
    }

    private static void shouldBe(Posterior found, Posterior base, long version, CalibrationResult calibrated) {
        assertThat(found.getVersion()).isEqualTo(version);
        assertThat(found.getLabels()).isEqualTo(calibrated.labels());
        assertThat(found.getTemperature()).isEqualTo(calibrated.temperature());
        assertThat(found.getVarianceTemperature())
                .isEqualTo(calibrated.variance().temperature());
        assertThat(found.getVarianceScale()).isEqualTo(calibrated.variance().scale());
        assertThat(found.getTemperatureNll()).isEqualTo(nll(calibrated, Member.TEMPERATURE));
        assertThat(found.getVarianceNll()).isEqualTo(nll(calibrated, Member.TEMPERATURE_VARIANCE));
        assertThat(found.getCalibration()).isEqualTo(Calibration.AVERAGED);
        // one example has 7 rows in every batch; every answer has the same covariance
        assertThat(found.getLabelFreeScale()).isCloseTo(1 / 7.0, within(1e-12));
        assertThat(found.getLogitVariance()).isCloseTo(0.875, within(1e-9));
        assertThat(found.getTiers())
                .extracting(TierMembers::getTier)
                .containsExactly("all", "last-layer", "forward", "map");
        assertThat(found.getSelective())
                .extracting(TierConfidences::getTier)
                .containsExactly("all", "last-layer", "forward", "map");
        // Of the other tiers what is expected here knows nothing that needs no label.
        assertThat(SelectiveRecords.of(found, "map").cells())
                .isEqualTo(counts(calibrated.crossFitted().map()).cells());
        assertThat(SelectiveRecords.of(found, "all").labels()).isEqualTo(calibrated.labels());
        assertThat(SelectiveRecords.of(found, "last-layer").cells())
                .isEqualTo(SelectiveRecords.of(found, "forward").cells());
        List<CalibrationMember> all = found.getTiers().get(0).getMembers();
        assertThat(all)
                .extracting(CalibrationMember::getName)
                .containsExactly(Member.SCALED, Member.NOISE, Member.TEMPERATURE, Member.TEMPERATURE_VARIANCE);
        assertThat(all.stream().mapToDouble(CalibrationMember::getWeight).sum()).isCloseTo(1, within(1e-12));
        assertThat(found.getTiers().get(1).getMembers())
                .isEqualTo(found.getTiers().get(2).getMembers())
                .extracting(CalibrationMember::getName)
                .containsExactly(Member.NOISE, Member.TEMPERATURE, Member.TEMPERATURE_NOISE);
        assertThat(found.getState()).isEqualTo(PosteriorState.COMPLETE);
        assertThat(found.getBlocks()).isEqualTo(base.getBlocks());
        assertThat(found.getLogEvidence()).isEqualTo(base.getLogEvidence());
    }

    private static double nll(CalibrationResult calibrated, String member) {
        return calibrated.all().stream()
                .filter(each -> each.name().equals(member))
                .mapToDouble(each -> -each.logLikelihood() / calibrated.labels())
                .findFirst()
                .orElseThrow();
    }

    private static CalibrationResult expected(int questions) {
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < questions; i++) {
            Answer answer = answer(i);
            answers.add(new LabelledContrasts(
                    id(i),
                    answer.getContrastMean().stream().mapToDouble(y -> y).toArray(),
                    answer.getContrastCovariance().stream()
                            .map(row -> row.stream().mapToDouble(v -> v).toArray())
                            .toArray(double[][]::new),
                    Answers.LABELS.indexOf(label(i))));
        }
        return new Calibrator().calibrate(answers);
    }

    private static String id(int i) {
        return "q/" + i;
    }

    private static Answer answer(int i) {
        Answer answer = Answers.validation(id(i), COMPLETE, i);
        assertThat(answer.getPurpose()).isEqualTo(Purpose.VALIDATION);
        return answer;
    }

    /** The most likely class for two of three. */
    private static String label(int i) {
        List<Double> p = answer(i).getMapProbabilities();
        return Answers.LABELS.get(i % 3 == 0 ? i % 4 : p.indexOf(Collections.max(p)));
    }

    private static void sendAll(Driver driver, int questions) {
        for (int i = 0; i < questions; i++) {
            driver.answer(answer(i), 2000);
            driver.label(id(i), label(i), 2000 + i);
        }
    }

    /** A pass of two batches: version 1 is LIVE, version 2 COMPLETE. */
    private static void pass(Driver driver) {
        driver.run(Pass.run(Pass.RANK));
        for (long batch = 0; batch < COMPLETE; batch++) {
            for (Block block : Pass.BLOCKS) {
                driver.send(block, batch, COMPLETE);
            }
        }
    }

    private Driver driver(Executor executor) {
        return new Driver(Driver.settings(), stateDir.resolve(String.valueOf(System.nanoTime())), Map.of(), executor);
    }
}
