package io.calibrant.infra.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.infra.report.Diagnostics;
import io.calibrant.infra.report.Evaluation;
import io.calibrant.infra.report.Method;
import io.calibrant.infra.report.Score;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.TierMembers;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.scorer.answering.CalibratedPrediction;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DiagnosisTest {
    static {
        TrustedRecords.trust();
    }

    private final List<Question> questions = new ArrayList<>();
    private final Map<String, Answer> answers = new HashMap<>();

    private static Answer answer(String id, double contrast, double novelty) {
        double[] map = TemperatureScaling.probabilities(new double[] {contrast, 0}, 1);
        double[] served = Link.monteCarlo()
                .predict(new double[] {contrast}, new double[][] {{4}})
                .probabilities();
        return Answer.newBuilder()
                .setQuestionId(id)
                .setRunId("run")
                .setCheckpoint("step-1")
                .setFit("default")
                .setPosteriorVersion(1)
                .setLabels(List.of("A", "B"))
                .setProbabilities(Arrays.stream(served).boxed().toList())
                .setMapProbabilities(Arrays.stream(map).boxed().toList())
                .setCalibration(Calibration.EVIDENCE)
                .setContrastMean(List.of(contrast))
                .setContrastCovariance(List.of(List.of(4.0)))
                .setEntropy(-served[0] * Math.log(served[0]) - served[1] * Math.log(served[1]))
                .setExpectedEntropy(0.1)
                .setMutualInformation(0.1)
                .setNovelty(novelty)
                .build();
    }

    private void asked(String id, String truth, double contrast, double novelty) {
        questions.add(new Question(id, "?", null, List.of(new Choice("A", "a"), new Choice("B", "b")), truth));
        answers.put(id, answer(id, contrast, novelty));
    }

    private static Posterior posterior(Calibration calibration, Double t, Double scaledT, Double c) {
        return Posterior.newBuilder()
                .setRunId("run")
                .setCheckpoint("step-1")
                .setFit("default")
                .setVersion(2)
                .setBatches(1)
                .setLogEvidence(0)
                .setLogLikelihood(0)
                .setEffectiveParameters(0)
                .setCapturedEnergy(1)
                .setCalibration(calibration)
                .setTemperature(t)
                .setVarianceTemperature(scaledT)
                .setVarianceScale(c)
                .build();
    }

    private Diagnostics diagnose(Posterior posterior, List<ValidationAnswer> validation, List<Answer> unfamiliar) {
        Evaluation evaluation = Comparison.of(questions, answers, validation, posterior);
        return Diagnosis.of(evaluation.questions(), answers, posterior, validation, unfamiliar, false);
    }

    @Test
    void shouldSayWhatTheScoresTellOfWrongAndOfUnfamiliarQuestions() {
        asked("sure and right", "A", 5, 0.1);
        asked("right", "A", 2, 0.2);
        asked("unsure and wrong", "B", 1, 0.15);

        Diagnostics known = diagnose(
                posterior(Calibration.EVIDENCE, null, null, null),
                List.of(),
                List.of(answer("s", 3, 0.9), answer("t", 0.5, 0.16)));

        assertThat(known.wrong().get(Score.MAP_ENTROPY)).isEqualTo(1);
        assertThat(known.wrong().get(Score.NOVELTY)).isEqualTo(0.5); // above one of two right answers
        assertThat(known.wrong().get(Score.MUTUAL_INFORMATION)).isEqualTo(0.5); // all equal
        assertThat(known.unfamiliar().get(Score.NOVELTY)).isCloseTo(5 / 6.0, within(1e-12)); // 3 + 2 of 6 pairs
        assertThat(known.unfamiliar().get(Score.MAP_ENTROPY)).isCloseTo(4 / 6.0, within(1e-12));
        assertThat(known.unfamiliarQuestions()).isEqualTo(2);
        assertThat(known.conformal()).isEmpty();

        answers.get("right").setTier("forward"); // whose novelty is always 1
        assertThat(diagnose(posterior(Calibration.EVIDENCE, null, null, null), List.of(), List.of())
                        .wrong())
                .containsKey(Score.MAP_ENTROPY)
                .doesNotContainKey(Score.NOVELTY);
    }

    @Test
    void shouldSayWhatFamiliarityTellsWhereEveryAnswerHasIt() {
        asked("right", "A", 2, 0.2);
        asked("wrong", "B", 1, 0.15);
        Answer strange = answer("s", 3, 0.9);
        Posterior evidence = posterior(Calibration.EVIDENCE, null, null, null);
        answers.get("right").setFamiliarity(-0.5);
        strange.setFamiliarity(0.5);
        assertThat(diagnose(evidence, List.of(), List.of(strange)).unfamiliar())
                .as("one answer is of a fit without it")
                .containsKey(Score.NOVELTY)
                .doesNotContainKey(Score.FAMILIARITY);

        answers.get("wrong").setFamiliarity(1.5);
        Diagnostics known = diagnose(evidence, List.of(), List.of(strange));
        assertThat(known.unfamiliar().get(Score.FAMILIARITY)).isEqualTo(0.5);
        assertThat(known.wrong().get(Score.FAMILIARITY)).isEqualTo(1);
    }

    @Test
    void shouldSayNothingOfWrongAnswersWhereAllAreRight() {
        asked("q", "A", 5, 0.1);
        Diagnostics known = diagnose(posterior(Calibration.EVIDENCE, null, null, null), List.of(), List.of());
        assertThat(known.wrong()).isEmpty();
        assertThat(known.unfamiliar()).isEmpty();
    }

    @Test
    void shouldServeTheValidationAnswersAnewWithWhatThePosteriorSays() {
        asked("q", "A", 1.2, 0.1);
        List<ValidationAnswer> validation = new ArrayList<>();
        for (int i = 0; i < 19; i++) {
            validation.add(new ValidationAnswer(answer("v" + i, 1, 0.1), 0));
        }
        Diagnostics evidence = diagnose(posterior(Calibration.EVIDENCE, null, null, null), validation, List.of());
        // The true class of every validation answer has p(1): the question's set holds A as p(1.2) is larger, not B.
        for (Method method : Method.values()) {
            assertThat(evidence.conformal().get(method)).as(method.key()).isEqualTo(new Diagnostics.Sets(19, 1, 1));
        }
        // Served much sharper on validation than the stored answer was: now not even A is sure enough.
        Diagnostics sharp = diagnose(posterior(Calibration.TEMPERATURE, 0.05, null, null), validation, List.of());
        assertThat(sharp.conformal().get(Method.CALIBRATED)).isEqualTo(new Diagnostics.Sets(19, 0, 0));
        Diagnostics blurred =
                diagnose(posterior(Calibration.TEMPERATURE_VARIANCE, 1.0, 1.0, 1e6), validation, List.of());
        assertThat(blurred.conformal().get(Method.CALIBRATED).coverage()).isEqualTo(1);
    }

    /** An average of all blocks is calibrated on answers that have the covariances of all blocks. */
    @Test
    void shouldSayOnHowManyValidationAnswersTheSetsOfAMethodAreCalibrated() {
        asked("q", "A", 1.2, 0.1);
        List<ValidationAnswer> validation = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            Answer known = answer("v" + i, 1, 0.1);
            known.setTier(i < 12 ? "all" : "forward");
            validation.add(new ValidationAnswer(known, i % 2));
        }
        Diagnostics averaged = diagnose(posterior(Calibration.AVERAGED, 1.0, null, null), validation, List.of());
        assertThat(averaged.conformal()).containsOnlyKeys(Method.MAP, Method.TEMPERATURE, Method.CALIBRATED);
        assertThat(averaged.conformal().get(Method.MAP).validation()).isEqualTo(30);
        assertThat(averaged.conformal().get(Method.TEMPERATURE).validation()).isEqualTo(30);
        assertThat(averaged.conformal().get(Method.CALIBRATED).validation()).isEqualTo(12);
    }

    /** Validation questions are answered with all blocks, whatever the tier of the others is. */
    @Test
    void shouldCalibrateSetsOnWhatTheTierOfTheQuestionsServes() {
        List<ValidationAnswer> validation = new ArrayList<>();
        for (int i = 0; i < 19; i++) {
            Answer known = answer("v" + i, 1, 0.1);
            known.setContrastCovariance(List.of(List.of(400.0)));
            validation.add(new ValidationAnswer(known, 0));
        }
        Posterior posterior = Posterior.newBuilder(posterior(Calibration.LABEL_FREE, null, null, null))
                .setLabelFreeScale(0.25)
                .setLogitVariance(3.0)
                .setTiers(List.of(
                        new TierMembers("all", List.of(new CalibrationMember("scaled", 1.0, .25, null, 1.0, null))),
                        new TierMembers("forward", List.of(new CalibrationMember("noise", 1.0, .25, 3.0, 1.0, null)))))
                .build();
        // Served as the question is, each validation answer is surer of A than it: the set is empty. With their own
        // covariance they would be nearly at even odds.
        Diagnostics.Sets empty = new Diagnostics.Sets(19, 0, 0);
        for (String tier : List.of("forward", "map")) {
            questions.clear();
            asked("q", "A", 0.7, 0.1);
            Answer answer = answers.get("q");
            answer.setTier(tier);
            answer.setContrastCovariance(List.of(List.of(0.0)));
            answer.setProbabilities(Arrays.stream(CalibratedPrediction.of(
                                    posterior,
                                    Tier.of("tier", tier),
                                    Link.monteCarlo(),
                                    new double[] {0.7},
                                    new double[][] {{0}})
                            .probabilities())
                    .boxed()
                    .toList());
            assertThat(diagnose(posterior, validation, List.of()).conformal())
                    .as(tier)
                    .doesNotContainKey(Method.LAPLACE)
                    .containsEntry(Method.MAP, empty)
                    .containsEntry(Method.LABEL_FREE, empty)
                    .containsEntry(Method.CALIBRATED, empty);
        }
    }
}
