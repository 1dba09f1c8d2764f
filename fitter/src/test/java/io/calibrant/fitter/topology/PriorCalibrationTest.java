package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.calibration.BlockJacobian;
import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.LabelledStatistics;
import io.calibrant.fitter.calibration.ValidationPrior;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.posteriors.CalibrationSet;
import io.calibrant.fitter.posteriors.LabelCalibration;
import io.calibrant.fitter.posteriors.PosteriorFactory;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockProjections;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.FamiliarityBasis;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.PriorObjective;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.registry.BadRecordException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The prior from labels and predictive statistics, through the topology. */
class PriorCalibrationTest {
    private static final long COMPLETE = 2;
    private static final int QUESTIONS = 24;

    @TempDir
    Path stateDir;

    @Test
    void shouldChooseThePriorByTheLabelsAndTuneAtThatPrior() {
        try (Driver driver = driver(PriorObjective.VALIDATION)) {
            List<FactorUpdate> spectra = pass(driver);
            Posterior base = driver.posteriors().get(1);
            assertThat(base.getObjective()).isEqualTo(PriorObjective.EVIDENCE);
            for (int i = 0; i < QUESTIONS; i++) {
                driver.answer(answer(i), 2000);
                driver.label(id(i), label(i), 2000);
            }
            driver.look(2);
            Posterior evidence = driver.posteriors().get(0); // as long as there is nothing to choose a prior by
            assertThat(evidence.getObjective()).isEqualTo(PriorObjective.EVIDENCE);
            assertThat(evidence.getLabels()).isEqualTo(QUESTIONS);

            for (int i = 0; i < QUESTIONS; i++) {
                driver.predictive(statistics(i, spectra), 2000);
            }
            PredictiveStatistics otherFactors = statistics(QUESTIONS, spectra);
            otherFactors.getBlocks().get(1).setBatches(1);
            driver.predictive(otherFactors, 2000);
            driver.answer(answer(QUESTIONS), 2000);
            driver.label(id(QUESTIONS), "A", 2000);
            PredictiveStatistics otherFit = statistics(0, spectra);
            otherFit.setFit("other");
            otherFit.setContrastMean(List.of(9.0, 9.0, 9.0));
            driver.predictive(otherFit, 2000);
            driver.look(2);

            List<Posterior> posteriors = driver.posteriors();
            assertThat(posteriors).hasSize(1);
            Posterior calibrated = posteriors.get(0);
            shouldBe(calibrated, spectra);
            assertThat(calibrated.getVersion()).isEqualTo(4);
            assertThat(calibrated.getBlocks().get(0).getLambda())
                    .isNotCloseTo(base.getBlocks().get(0).getLambda(), within(1e-6));
            driver.look(30);
            assertThat(driver.posteriors()).isEmpty(); // it depends on labels and statistics, not on where it was
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    private static void shouldBe(Posterior calibrated, List<FactorUpdate> updates) {
        List<BlockSpectrum> spectra = spectra(updates);
        List<LabelledStatistics> questions = new ArrayList<>();
        for (int i = 0; i < QUESTIONS; i++) {
            PredictiveStatistics statistics = statistics(i, updates);
            questions.add(new LabelledStatistics(
                    id(i),
                    answer(i).getContrastMean().stream().mapToDouble(y -> y).toArray(),
                    statistics.getBlocks().stream()
                            .map(block -> new BlockJacobian(
                                    Tensors.doubles(block.getProjections()), Tensors.doubles(block.getRest())))
                            .toList(),
                    Answers.LABELS.indexOf(label(i))));
        }
        ValidationPrior prior = new ValidationPrior(spectra);
        double[] ones = spectra.stream().mapToDouble(each -> 1).toArray();
        ValidationPrior.Optimum optimum = prior.minimise(questions, ones);
        double lambda = optimum.lambdas()[0];
        assertThat(calibrated.getObjective()).isEqualTo(PriorObjective.VALIDATION);
        assertThat(calibrated.getValidationNll()).isCloseTo(optimum.nll(), within(1e-9));
        assertThat(calibrated.getBlocks())
                .allSatisfy(block -> assertThat(block.getLambda() / lambda).isCloseTo(1, within(1e-6)));
        Evidence evidence = new Evidence(spectra, -2.5 - 2.51);
        assertThat(calibrated.getLogEvidence()).isCloseTo(evidence.at(optimum.lambdas()), within(1e-4));
        assertThat(calibrated.getEffectiveParameters())
                .isCloseTo(evidence.effectiveParameters(optimum.lambdas()), within(1e-4));
        List<LabelledContrasts> answers = questions.stream()
                .map(question -> prior.answer(question, optimum.lambdas()))
                .toList();
        CalibrationResult expected = new Calibrator().calibrate(answers);
        assertThat(calibrated.getLabels()).isEqualTo(QUESTIONS);
        assertThat(calibrated.getTemperature()).isCloseTo(expected.temperature(), within(1e-9));
        assertThat(calibrated.getVarianceScale() / expected.variance().scale()).isCloseTo(1, within(1e-4));
        assertThat(calibrated.getCalibration()).isEqualTo(Calibration.AVERAGED);
    }

    @Test
    void shouldEndAtTheSamePosteriorWhateverCameFirst() {
        List<Posterior> ends = new ArrayList<>();
        for (long seed = 0; seed < 3; seed++) {
            try (Driver driver = driver(PriorObjective.VALIDATION)) {
                List<FactorUpdate> spectra = pass(driver);
                List<Runnable> events = new ArrayList<>();
                for (int i = 0; i < QUESTIONS; i++) {
                    int question = i;
                    events.add(() -> driver.answer(answer(question), 2000));
                    events.add(() -> driver.label(id(question), label(question), 2000 + question));
                    events.add(() -> driver.predictive(statistics(question, spectra), 2000));
                }
                Collections.shuffle(events, new Random(seed));
                for (int i = 0; i < events.size(); i++) {
                    events.get(i).run();
                    if (i == events.size() / 2 && seed > 0) {
                        driver.look(2); // versions in between, with priors of their own
                    }
                }
                driver.look(2);
                List<Posterior> all = driver.posteriors();
                Posterior end = all.get(all.size() - 1);
                assertThat(end.getVersion()).isEqualTo(seed > 0 ? 4 : 3);
                end.setVersion(0);
                ends.add(end);
            }
        }
        assertThat(ends).allMatch(end -> end.equals(ends.get(0)));
    }

    @Test
    void shouldGoBackToTheEvidenceWhereLabelsNoLongerChoose() {
        try (Driver driver = driver(PriorObjective.VALIDATION)) {
            List<FactorUpdate> spectra = pass(driver);
            Posterior base = driver.posteriors().get(1);
            for (int i = 0; i < QUESTIONS; i++) {
                driver.answer(answer(i), 2000);
                driver.label(id(i), label(i), 2000);
                driver.predictive(statistics(i, spectra), 2000);
            }
            driver.look(2);
            Posterior chosen = driver.posteriors().get(0);
            assertThat(chosen.getObjective()).isEqualTo(PriorObjective.VALIDATION);

            LabelCalibration evidenceOnly = new LabelCalibration(
                    PriorObjective.EVIDENCE, new PosteriorFactory(Driver.settings(PriorObjective.EVIDENCE)));
            CalibrationAnswer atThatPrior = new CalibrationAnswer(
                    chosen.getVersion(), 0, List.of(1.0, 0.0, 0.0), Collections.nCopies(9, 0.0), 2000, null);
            Posterior back = evidenceOnly.of(new CalibrationSet(
                    LabelCalibration.uncalibrated(chosen), Map.of("q", atThatPrior), spectra, Map.of()));
            assertThat(LabelCalibration.samePrior(back, base)).isTrue();
            assertThat(back.getLogEvidence()).isCloseTo(base.getLogEvidence(), within(1e-9));
            assertThat(back.getObjective()).isEqualTo(PriorObjective.EVIDENCE);
            assertThat(back.getValidationNll()).isNull();
            assertThat(back.getLabels()).isZero(); // its covariance is another prior's
        }
    }

    @Test
    void shouldKeepTheScoresOfQuestionsThatAnEarlierPriorAnswered() {
        try (Driver driver = driver(PriorObjective.VALIDATION)) {
            List<FactorUpdate> spectra = pass(driver);
            Posterior base = driver.posteriors().get(1);
            base.setFamiliarity(
                    new FamiliarityBasis(List.of(), List.of(0.5), List.of(0.5), base.getVersion(), List.of()));
            LabelCalibration calibration = new LabelCalibration(
                    PriorObjective.VALIDATION, new PosteriorFactory(Driver.settings(PriorObjective.VALIDATION)));
            Map<String, CalibrationAnswer> answers =
                    Map.of(id(0), scored(base.getVersion(), 3), id(1), scored(base.getVersion() - 1, 9));
            Map<String, PredictiveStatistics> statistics = Map.of(id(0), statistics(0, spectra));
            Posterior chosen = calibration.of(new CalibrationSet(base, answers, spectra, statistics));
            assertThat(chosen.getFamiliarity().getScores()).containsExactly(0.5, 3.0);

            chosen.setVersion(base.getVersion() + 1); // its prior is another one: it becomes the base
            Posterior again = calibration.of(
                    new CalibrationSet(LabelCalibration.uncalibrated(chosen), answers, spectra, statistics));
            assertThat(again.getFamiliarity().getScores()).containsExactly(0.5, 3.0);
        }
    }

    /** Few labels choose the prior: training questions that were asked for it tell the noise of a logit. */
    @Test
    void shouldReadTheNoiseOffTrainingQuestionsWhereTheQuestionsThatChooseThePriorAreFew() {
        try (Driver driver = driver(PriorObjective.VALIDATION)) {
            List<FactorUpdate> spectra = pass(driver);
            Posterior base = driver.posteriors().get(1);
            LabelCalibration calibration = new LabelCalibration(
                    PriorObjective.VALIDATION, new PosteriorFactory(Driver.settings(PriorObjective.VALIDATION)));
            Map<String, CalibrationAnswer> answers = new HashMap<>();
            Map<String, PredictiveStatistics> statistics = new HashMap<>();
            for (int i = 0; i < 10; i++) {
                answers.put(id(i), scored(base.getVersion(), 1));
                statistics.put(id(i), statistics(i, spectra));
            }
            Posterior none = calibration.of(new CalibrationSet(base, answers, spectra, statistics));
            assertThat(none.getObjective()).isEqualTo(PriorObjective.VALIDATION);
            assertThat(none.getLogitVariance()).isNull();

            for (int i = 0; i < 12; i++) {
                Answer noise = Answers.validation("noise-" + i, base.getVersion(), 100 + i);
                noise.setPurpose(Purpose.NOISE);
                answers.put("noise-" + i, CalibrationAnswer.forNoise(noise, 9000 + i));
            }
            Posterior chosen = calibration.of(new CalibrationSet(base, answers, spectra, statistics));
            assertThat(chosen.getLogitVariance()).isPositive();
            assertThat(chosen.getLogitVarianceQuestions()).isEqualTo(22);
            assertThat(chosen.getTimestamp().toEpochMilli()).isEqualTo(9011);
            assertThat(chosen.getBlocks()).isEqualTo(none.getBlocks());

            chosen.setVersion(base.getVersion() + 1); // its prior is another one: it becomes the base
            Posterior next = LabelCalibration.uncalibrated(chosen);
            assertThat(LabelCalibration.superfluous(answers, next)).isEmpty();
            Posterior again = calibration.of(new CalibrationSet(next, answers, spectra, statistics));
            assertThat(again.getLogitVariance()).isEqualTo(chosen.getLogitVariance());

            next.setFamiliarity(
                    new FamiliarityBasis(List.of(), List.of(), List.of(), base.getVersion() + 1, List.of()));
            assertThat(LabelCalibration.superfluous(answers, next))
                    .as("of earlier factors")
                    .hasSize(12);
            for (int i = 10; i < 20; i++) {
                answers.put(id(i), scored(base.getVersion(), 1));
                statistics.put(id(i), statistics(i, spectra));
            }
            assertThat(calibration
                            .of(new CalibrationSet(base, answers, spectra, statistics))
                            .getLogitVarianceQuestions())
                    .isEqualTo(20);
        }
    }

    private static CalibrationAnswer scored(long version, double familiarity) {
        return new CalibrationAnswer(
                version, 0, answer(0).getContrastMean(), Collections.nCopies(9, 0.0), 2000, familiarity);
    }

    private record Bad(String reason, Consumer<PredictiveStatistics> spoil) {
        @Override
        public String toString() {
            return reason;
        }
    }

    static Stream<Bad> spoilt() {
        return Stream.of(
                new Bad("key 'q/0' is not the id of its question", s -> s.setQuestionId("q1")),
                new Bad("run must be 1 to 100 letters, digits, '.', '_' and '-', got 'a/b'", s -> s.setRunId("a/b")),
                new Bad("3 contrast means for 2 labels", s -> s.setLabels(List.of("A", "B"))),
                new Bad("contrastMean holds NaN", s -> s.setContrastMean(List.of(1.0, Double.NaN, 0.0))),
                new Bad("occurs twice", s -> s.getBlocks().get(0).setBlock(Pass.B.getName())),
                new Bad(
                        "projections have shape [3], expected [3, r, k]",
                        s -> s.getBlocks().get(0).setProjections(Tensors.of(new float[3], 3))),
                new Bad(
                        "rest has shape [1, 3, 3], expected [3 or 0, 3, 3]",
                        s -> s.getBlocks().get(0).setRest(Tensors.of(new float[9], 1, 3, 3))),
                new Bad("rest hold NaN", s -> s.getBlocks().get(0).setRest(notANumber())),
                new Bad(
                        "rest is not a sum of outer products",
                        s -> s.getBlocks().get(0).setRest(negative())),
                new Bad("contrastMean holds 1.0E308", s -> s.setContrastMean(List.of(1.0, 1e308, 0.0))));
    }

    private static io.calibrant.schemas.avro.Tensor negative() {
        float[] values = new float[27];
        values[0] = -5;
        return Tensors.of(values, 3, 3, 3);
    }

    private static io.calibrant.schemas.avro.Tensor notANumber() {
        float[] values = new float[27];
        values[5] = Float.NaN;
        return Tensors.of(values, 3, 3, 3);
    }

    @ParameterizedTest
    @MethodSource("spoilt")
    void shouldPutBadStatisticsAway(Bad bad) {
        try (Driver driver = driver(PriorObjective.VALIDATION)) {
            PredictiveStatistics statistics = statistics(0, pass(driver));
            bad.spoil.accept(statistics);
            byte[] sent = driver.predictiveRaw(Driver.bytes(id(0)), statistics);
            var letters = driver.deadLetters();
            assertThat(letters).hasSize(1);
            assertThat(letters.get(0).value()).isEqualTo(sent);
            assertThat(new String(
                            letters.get(0)
                                    .headers()
                                    .lastHeader("__streams.errors.message")
                                    .value(),
                            StandardCharsets.UTF_8))
                    .contains(bad.reason);
            assertThat(new String(
                            letters.get(0)
                                    .headers()
                                    .lastHeader("__streams.errors.exception")
                                    .value(),
                            StandardCharsets.UTF_8))
                    .isEqualTo(BadRecordException.class.getName());
        }
    }

    private static String id(int i) {
        return "q/" + i;
    }

    private static Answer answer(int i) {
        return Answers.validation(id(i), COMPLETE, i);
    }

    private static String label(int i) {
        List<Double> p = answer(i).getMapProbabilities();
        return Answers.LABELS.get(i % 3 == 0 ? i % 4 : p.indexOf(Collections.max(p)));
    }

    private static PredictiveStatistics statistics(int i, List<FactorUpdate> spectra) {
        Random random = new Random(1000 + i);
        List<BlockProjections> blocks = new ArrayList<>();
        for (FactorUpdate spectrum : spectra) {
            int r = spectrum.getSmallSpectrum().size();
            int k = spectrum.getSpectrum().size();
            float[] projections = new float[3 * r * k];
            for (int e = 0; e < projections.length; e++) {
                projections[e] = (float) random.nextGaussian();
            }
            boolean whole = spectrum.getDimension() == k;
            float[] rest = new float[whole ? 0 : r * 9];
            for (int e = 0; e < rest.length; e++) {
                rest[e] = e % 9 % 4 == 0 ? 2 : 1; // 2 on the diagonal
            }
            blocks.add(new BlockProjections(
                    spectrum.getBlock(),
                    COMPLETE,
                    Tensors.of(projections, 3, r, k),
                    Tensors.of(rest, whole ? 0 : r, 3, 3)));
        }
        return PredictiveStatistics.newBuilder()
                .setQuestionId(id(i))
                .setRunId(Pass.RUN)
                .setCheckpoint(Pass.CHECKPOINT)
                .setFit("default")
                .setPosteriorVersion(COMPLETE)
                .setLabels(Answers.LABELS)
                .setContrastMean(answer(i).getContrastMean())
                .setBlocks(blocks)
                .build();
    }

    private static List<BlockSpectrum> spectra(List<FactorUpdate> updates) {
        return updates.stream()
                .map(update -> BlockSpectrum.of(
                        update.getBlock(),
                        new Spectrum(doubles(update.getSpectrum()), update.getDimension(), update.getTrace()),
                        true,
                        doubles(update.getSmallSpectrum()),
                        update.getN(),
                        update.getSquaredNorm()))
                .toList();
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** A pass of two batches; gives the last update of each block. */
    private static List<FactorUpdate> pass(Driver driver) {
        driver.run(Pass.run(Pass.RANK));
        for (long batch = 0; batch < COMPLETE; batch++) {
            for (Block block : Pass.BLOCKS) {
                driver.send(block, batch, COMPLETE);
            }
        }
        List<FactorUpdate> updates = driver.updates();
        return updates.subList(updates.size() - Pass.BLOCKS.size(), updates.size());
    }

    private Driver driver(PriorObjective objective) {
        return new Driver(Driver.settings(objective), stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
    }
}
