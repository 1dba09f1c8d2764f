package io.calibrant.infra.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.infra.report.EvaluatedQuestion;
import io.calibrant.infra.report.Evaluation;
import io.calibrant.infra.report.Method;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    static {
        TrustedRecords.trust();
    }

    private static final double VARIANCE = 4;

    private static final Posterior POSTERIOR = Posterior.newBuilder()
            .setRunId("run")
            .setCheckpoint("step-1")
            .setFit("default")
            .setVersion(1)
            .setBatches(1)
            .setLogEvidence(0)
            .setLogLikelihood(0)
            .setEffectiveParameters(0)
            .setCapturedEnergy(1)
            .build();

    @Test
    void shouldTakeTheServedProbabilitiesForTheEvidenceWhereTheyRestOnIt() {
        EvaluatedQuestion one = only(Calibration.EVIDENCE);
        assertThat(one.of(Method.LAPLACE)).isEqualTo(one.of(Method.CALIBRATED)).containsExactly(0.6, 0.4);
    }

    @Test
    void shouldIntegrateTheGaussianOfTheAnswerWhereSomethingElseWasServed() {
        EvaluatedQuestion one = only(Calibration.TEMPERATURE);
        double[] expected = Link.monteCarlo()
                .predict(new double[] {2}, new double[][] {{VARIANCE}})
                .probabilities();
        assertThat(one.of(Method.CALIBRATED)).containsExactly(0.6, 0.4);
        assertThat(one.of(Method.LAPLACE).get(0)).isCloseTo(expected[0], within(1e-12));
        assertThat(one.of(Method.LAPLACE).get(0)).isNotCloseTo(0.6, within(1e-3));
    }

    @Test
    void shouldFitTheTemperatureOnValidationAnswersAlone() {
        Map<String, Answer> answers = Map.of("q", answer("q", 2, Calibration.EVIDENCE));
        // Half of the validation answers are right: only the prior on T holds p above one half. With u = 2 / T the
        // optimum solves 40 u (1/2 - 1 / (1 + e^u)) = 4 log T, which gives p = 0.662064.
        List<ValidationAnswer> validation = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            validation.add(new ValidationAnswer(answer("v" + i, 2, Calibration.EVIDENCE), i % 2));
        }
        Evaluation evaluation = Comparison.of(List.of(question("q", "A")), answers, validation, POSTERIOR);
        assertThat(evaluation.temperatureNote()).contains("fitted on 40 validation answers");
        double p = evaluation.questions().get(0).of(Method.TEMPERATURE).get(0);
        assertThat(p).isCloseTo(0.662064, within(1e-5));
        Evaluation other = Comparison.of(List.of(question("q", "B")), answers, validation, POSTERIOR);
        assertThat(other.questions().get(0).of(Method.TEMPERATURE).get(0)).isEqualTo(p);
    }

    @Test
    void shouldCrossFitTheTemperatureWhereThereIsNoValidation() {
        List<Question> questions = new ArrayList<>();
        Map<String, Answer> answers = new HashMap<>();
        for (int i = 0; i < 30; i++) {
            questions.add(question("q" + i, i % 3 == 0 ? "B" : "A"));
            answers.put("q" + i, answer("q" + i, 2, Calibration.EVIDENCE));
        }
        Evaluation evaluation = Comparison.of(questions, answers, List.of(), POSTERIOR);
        assertThat(evaluation.temperatureNote()).contains("cross-fitted on these 30 questions, 10 folds");
        double map = evaluation.metrics(Method.MAP).nll();
        assertThat(evaluation.metrics(Method.TEMPERATURE).nll()).isLessThan(map);
    }

    @Test
    void shouldLeaveOutQuestionsWithoutAnAnswer() {
        Evaluation evaluation = Comparison.of(
                List.of(question("lost", "A"), question("q", "A")),
                Map.of("q", answer("q", 2, Calibration.EVIDENCE)),
                List.of(),
                POSTERIOR);
        assertThat(evaluation.questions()).extracting(EvaluatedQuestion::id).containsExactly("q");
    }

    @Test
    void shouldSayThatSeveralPosteriorsServed() {
        List<Question> questions = List.of(question("p", "A"), question("q", "A"));
        Answer first = answer("p", 2, Calibration.EVIDENCE);
        Answer second = answer("q", 2, Calibration.EVIDENCE);
        assertThat(Comparison.of(questions, Map.of("p", first, "q", second), List.of(), POSTERIOR)
                        .temperatureNote())
                .doesNotContain("posterior changed");
        second.setPosteriorVersion(2);
        assertThat(Comparison.of(questions, Map.of("p", first, "q", second), List.of(), POSTERIOR)
                        .temperatureNote())
                .contains("The posterior changed while the questions were answered: 2 versions served");
    }

    @Test
    void shouldSayThatATierHasNoCovarianceToCompare() {
        Answer answer = answer("q", 2, Calibration.LABEL_FREE);
        answer.setTier("forward");
        assertThat(Comparison.of(List.of(question("q", "A")), Map.of("q", answer), List.of(), POSTERIOR)
                        .temperatureNote())
                .contains("1 of 1 answers have neither covariance nor novelty, by their tier: for them the evidence"
                        + " alone is MAP.");
        assertThat(Comparison.of(List.of(question("q", "A")), Map.of("q", answer), List.of(), POSTERIOR)
                        .questions()
                        .get(0)
                        .novelty())
                .isNaN();
        assertThat(only(Calibration.LABEL_FREE).novelty()).isEqualTo(0.3);
    }

    @Test
    void shouldAverageWhatNeedsNoLabelAsThePosteriorKnowsIt() {
        double[] map = TemperatureScaling.probabilities(new double[] {2, 0}, 1);
        assertThat(only(Calibration.AVERAGED).of(Method.LABEL_FREE)).containsExactly(map[0], map[1]);

        Posterior knows = Posterior.newBuilder(POSTERIOR)
                .setLabelFreeScale(0.25)
                .setLogitVariance(3.0)
                .build();
        Link link = Link.monteCarlo();
        double[] scaled =
                link.predict(new double[] {2}, new double[][] {{VARIANCE / 4}}).probabilities();
        double[] noise = link.predict(new double[] {2}, new double[][] {{1.5}}).probabilities();
        Answer answer = answer("q", 2, Calibration.LABEL_FREE);
        Map<String, Answer> answers = Map.of("q", answer);
        assertThat(Comparison.of(List.of(question("q", "A")), answers, List.of(), knows)
                        .questions()
                        .get(0)
                        .of(Method.LABEL_FREE)
                        .get(0))
                .isCloseTo((scaled[0] + noise[0]) / 2, within(1e-12));
        answer.setTier("forward");
        assertThat(Comparison.of(List.of(question("q", "A")), answers, List.of(), knows)
                        .questions()
                        .get(0)
                        .of(Method.LABEL_FREE)
                        .get(0))
                .isCloseTo(noise[0], within(1e-12));
    }

    @Test
    void shouldShowMapWhereATierServesNothingWithoutLabels() {
        Posterior knows = Posterior.newBuilder(POSTERIOR)
                .setLabelFreeScale(0.25)
                .setLogitVariance(3.0)
                .build();
        Answer answer = answer("q", 2, Calibration.MAP);
        answer.setTier("map");
        assertThat(Comparison.of(List.of(question("q", "A")), Map.of("q", answer), List.of(), knows)
                        .questions()
                        .get(0)
                        .of(Method.LABEL_FREE))
                .isEqualTo(answer.getMapProbabilities());
    }

    @Test
    void shouldTakeFromTheAnswersWhatServedWithoutLabels() {
        Posterior labelFree = Posterior.newBuilder(POSTERIOR)
                .setCalibration(Calibration.LABEL_FREE)
                .build();
        Answer evidence = answer("p", 2, Calibration.EVIDENCE);
        assertThat(Evaluated.served(labelFree, Map.of("p", evidence))).isEqualTo(Calibration.EVIDENCE);
        assertThat(Evaluated.served(labelFree, Map.of("p", evidence, "q", answer("q", 2, Calibration.LABEL_FREE))))
                .isEqualTo(Calibration.LABEL_FREE);
        Posterior averaged = Posterior.newBuilder(POSTERIOR)
                .setCalibration(Calibration.AVERAGED)
                .setLabels(60)
                .build();
        assertThat(Evaluated.served(averaged, Map.of("p", evidence))).isEqualTo(Calibration.AVERAGED);
    }

    /** Zeros that stand for a covariance would be taken for one: the learning curve of tier all would be too sure. */
    @Test
    void shouldLeaveOutValidationAnswersWithoutCovarianceWhereTheOthersHaveOne() {
        Answer asked = answer("q", 2, Calibration.AVERAGED);
        Answer forward = answer("w", 1, Calibration.AVERAGED);
        forward.setTier("forward");
        List<ValidationAnswer> validation = List.of(
                new ValidationAnswer(answer("v", 1, Calibration.AVERAGED), 1),
                new ValidationAnswer(forward, 1),
                new ValidationAnswer(answer("q", 1, Calibration.AVERAGED), 1));
        List<Question> questions = List.of(question("lost", "A"), question("q", "A"));
        List<LabelledContrasts> known = Comparison.labelled(questions, Map.of("q", asked), validation);
        assertThat(known).extracting(LabelledContrasts::questionId).containsExactly("q", "v");
        assertThat(known)
                .extracting(LabelledContrasts::label)
                .as("the evaluated q")
                .containsExactly(0, 1);
        asked.setTier("forward");
        assertThat(Comparison.labelled(questions, Map.of("q", asked), validation))
                .extracting(LabelledContrasts::questionId)
                .containsExactly("q", "v", "w");
    }

    private static EvaluatedQuestion only(Calibration calibration) {
        return Comparison.of(
                        List.of(question("q", "A")), Map.of("q", answer("q", 2, calibration)), List.of(), POSTERIOR)
                .questions()
                .get(0);
    }

    private static Question question(String id, String answer) {
        return new Question(id, "Which?", null, List.of(new Choice("A", "this"), new Choice("B", "that")), answer);
    }

    private static Answer answer(String id, double contrast, Calibration calibration) {
        double[] map = TemperatureScaling.probabilities(new double[] {contrast, 0}, 1);
        return Answer.newBuilder()
                .setQuestionId(id)
                .setRunId("run")
                .setCheckpoint("step-1")
                .setFit("default")
                .setPosteriorVersion(1)
                .setLabels(List.of("A", "B"))
                .setProbabilities(List.of(0.6, 0.4))
                .setMapProbabilities(Arrays.stream(map).boxed().toList())
                .setCalibration(calibration)
                .setContrastMean(List.of(contrast))
                .setContrastCovariance(List.of(List.of(VARIANCE)))
                .setEntropy(0.6)
                .setExpectedEntropy(0.5)
                .setMutualInformation(0.1)
                .setNovelty(0.3)
                .build();
    }
}
