package io.calibrant.scorer.answering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.TemperatureScaling;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.FamiliarityBasis;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.predictive.ContrastProjections;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictives;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;
import org.junit.jupiter.api.Test;

/** What is made of the model's numbers; the model itself is a function that knows them already. */
class AnswererTest {
    private static final Link LINK = new Link(LinkFunction.MEAN_FIELD, 1, 0);
    private static final double[] MEAN = {2, -1};
    private static final double[][] COVARIANCE = {{3, 0.5}, {0.5, 1}};
    private static final ClassPlaces PLACES = new ClassPlaces(List.of(70, 71, 72));
    private static final Posterior POSTERIOR = posterior();

    private final Answerer answerer = new Answerer(POSTERIOR, LINK, LabelFreeServing.AVERAGE);
    private final List<List<String>> asked = new ArrayList<>();

    /** With a value for each field of the schema: one that is new and named nowhere fails here. */
    @Test
    void shouldFillEveryFieldOfAnAnswer() {
        double[] served = TemperatureScaling.probabilities(new double[] {2, -1, 0}, 1.7);
        CalibratedPrediction prediction =
                CalibratedPrediction.of(POSTERIOR, Tier.LAST_LAYER, LINK, MEAN.clone(), COVARIANCE);
        Map<String, Object> expected = new HashMap<>();
        expected.put("questionId", "q");
        expected.put("runId", "run");
        expected.put("checkpoint", "step-9");
        expected.put("fit", "a fit");
        expected.put("posteriorVersion", 12L);
        expected.put("purpose", Purpose.VALIDATION);
        expected.put("labels", List.of("A", "B", "C"));
        expected.put("probabilities", list(served));
        expected.put("mapProbabilities", list(Softmax.ofContrasts(MEAN)));
        expected.put("temperatureProbabilities", list(served));
        expected.put("calibration", Calibration.TEMPERATURE);
        expected.put("contrastMean", List.of(2.0, -1.0));
        expected.put("contrastCovariance", List.of(List.of(3.0, 0.5), List.of(0.5, 1.0)));
        expected.put("entropy", prediction.entropy());
        expected.put("expectedEntropy", prediction.entropy() - prediction.mutualInformation());
        expected.put("mutualInformation", prediction.mutualInformation());
        expected.put("novelty", 0.25);
        expected.put("tier", "last-layer");
        expected.put("coverage", 0.75);
        expected.put("decision", null);
        Question asked = question("q", 70, 71, 72).question();
        expected.put(
                "textDigest",
                QuestionText.of(asked.question(), asked.context(), asked.choices(), Choice::label, Choice::text, null)
                        .digest());
        expected.put("familiarity", 1.5);
        expected.put("familiarityP", 0.5);
        expected.put("familiarityScores", 1);
        expected.put("softened", 0.0);

        Answer answer =
                answered(answer(Tier.LAST_LAYER, question("q", 70, 71, 72)).get(0));

        Map<String, Object> fields = new LinkedHashMap<>();
        for (Schema.Field field : Answer.getClassSchema().getFields()) {
            fields.put(field.name(), answer.get(field.pos()));
        }
        assertThat(fields).isEqualTo(expected);
    }

    @Test
    void shouldSoftenUnfamiliarQuestionsUnlessTheyAreToBeFlaggedOnly() {
        Posterior known = posterior();
        List<Double> scores = new ArrayList<>();
        for (int i = 0; i < 99; i++) {
            scores.add(i / 99.0 - 3); // 1.5 lies far above all of them
        }
        known.setFamiliarity(new FamiliarityBasis(List.of(), scores, scores, 0L, List.of()));
        Answer plain = answered(answer(Tier.MAP, question("q", 70, 71, 72)).get(0));
        for (Unfamiliar unfamiliar : Unfamiliar.values()) {
            Answer answer = answered(new Answerer(known, LINK, LabelFreeServing.AVERAGE, unfamiliar, Optional.empty())
                    .answer(this::predict, PLACES, Tier.MAP, List.of(question("q", 70, 71, 72)), false)
                    .get(0));
            boolean soft = unfamiliar == Unfamiliar.SOFTEN;
            assertThat(answer.getFamiliarity()).isEqualTo(1.5);
            assertThat(answer.getFamiliarityP()).isEqualTo(0.01);
            assertThat(answer.getFamiliarityScores()).isEqualTo(99);
            assertThat(answer.getSoftened()).isEqualTo(soft ? 0.9 : 0);
            assertThat(answer.getMapProbabilities()).isEqualTo(plain.getMapProbabilities());
            double entropy = 0;
            for (int c = 0; c < 3; c++) {
                double p = plain.getProbabilities().get(c);
                p = soft ? 0.1 * p + 0.3 : p;
                assertThat(answer.getProbabilities().get(c)).isCloseTo(p, within(1e-12));
                entropy -= p * Math.log(p);
            }
            assertThat(answer.getEntropy()).isCloseTo(entropy, within(1e-12));
        }
    }

    @Test
    void shouldSayNothingOfFamiliarityWhereThePredictorDoesNot() {
        Answer answer = answered(answerer.answer(
                        prompts -> List.of(Predictives.of(MEAN.clone(), COVARIANCE, 0.25)),
                        PLACES,
                        Tier.ALL,
                        List.of(question("q", 70, 71, 72)),
                        false)
                .get(0));
        assertThat(answer.getFamiliarity()).isNull();
        assertThat(answer.getFamiliarityP()).isNull();
        assertThat(answer.getFamiliarityScores()).isNull();
        assertThat(answer.getSoftened()).isZero();
    }

    @Test
    void shouldLeaveTheTemperatureOutUntilItIsKnown() {
        Posterior evidence = posterior();
        evidence.setCalibration(Calibration.EVIDENCE);
        evidence.setTemperature(null);
        evidence.setBatchesExpected(null);

        Answer answer = answered(answerer.with(evidence)
                .answer(this::predict, PLACES, Tier.ALL, List.of(question("q", 70, 71, 72)), false)
                .get(0));

        assertThat(answer.getTemperatureProbabilities()).isNull();
        assertThat(answer.getCalibration()).isEqualTo(Calibration.EVIDENCE);
        assertThat(answer.getCoverage()).isEqualTo(1);
    }

    @Test
    void shouldAskTheModelOnceForAllQuestionsWithTheirChoicesAsPlaces() {
        List<EncodedPrompt> prompts = new ArrayList<>();

        List<Outcome> outcomes = answerer.answer(
                all -> {
                    prompts.addAll(all);
                    return predict(all);
                },
                PLACES,
                Tier.ALL,
                List.of(question("one", 72, 70, 71), question("two", 70, 71, 72)),
                false);

        assertThat(outcomes)
                .extracting(outcome -> answered(outcome).getQuestionId())
                .containsExactly("one", "two");
        assertThat(asked).containsExactly(List.of("one", "two"));
        assertThat(prompts.get(0).classes()).containsExactly(2, 0, 1);
        assertThat(prompts.get(1).classes()).containsExactly(0, 1, 2);
    }

    @Test
    void shouldRejectTheOneQuestionThatFailsAndAnswerThoseBesideIt() {
        List<Outcome> outcomes = answer(
                Tier.ALL, question("one", 70, 71, 72), question("bad", 70, 71, 72), question("three", 70, 71, 72));

        assertThat(asked)
                .containsExactly(List.of("one", "bad", "three"), List.of("one"), List.of("bad"), List.of("three"));
        assertThat(answered(outcomes.get(0)).getQuestionId()).isEqualTo("one");
        assertThat(answered(outcomes.get(2)).getQuestionId()).isEqualTo("three");
        assertThat(((Outcome.Rejected) outcomes.get(1)).reason()).hasMessage("question 'bad': the covariance is NaN");
    }

    @Test
    void shouldRejectAQuestionWhoseGaussianIsNone() {
        Outcome outcome = answerer.answer(
                        all -> List.of(Predictives.of(new double[] {1}, new double[][] {{-3}}, 1)),
                        PLACES,
                        Tier.ALL,
                        List.of(question("q", 70, 71)),
                        false)
                .get(0);

        assertThat(((Outcome.Rejected) outcome).reason()).hasMessageStartingWith("question 'q': ");
    }

    /** At tier map no link looks at the numbers. */
    @Test
    void shouldRejectWhatIsNotFiniteAtEveryTier() {
        for (Tier tier : Tier.values()) {
            assertThat(reason(answerer, tier, Double.NaN)).startsWith("question 'q': ");
        }
    }

    /** What the model says is there, and no exception of what is made of it may end the scorer. */
    @Test
    void shouldRejectAQuestionOfWhichNoStatisticsCanBeMade() {
        Posterior without = posterior();
        without.setBlocks(List.of());
        Outcome outcome = answerer.with(without)
                .answer(this::predict, PLACES, Tier.ALL, List.of(question("q", 70, 71, 72)), true)
                .get(0);
        assertThat(outcome).isInstanceOf(Outcome.Rejected.class);
    }

    private static String reason(Answerer answerer, Tier tier, double mean) {
        Outcome outcome = answerer.answer(
                        all -> List.of(Predictives.of(new double[] {mean}, new double[][] {{1}}, 1)),
                        PLACES,
                        tier,
                        List.of(question("q", 70, 71)),
                        false)
                .get(0);
        return ((Outcome.Rejected) outcome).reason().getMessage();
    }

    @Test
    void shouldSendStatisticsOnlyWhereTheyAreMeasured() {
        List<TokenizedQuestion> questions = List.of(question("q", 70, 71, 72));

        Outcome.Answered plain = (Outcome.Answered) answerer.answer(this::predict, PLACES, Tier.ALL, questions, false)
                .get(0);
        Outcome.Answered measured = (Outcome.Answered) answerer.answer(this::predict, PLACES, Tier.ALL, questions, true)
                .get(0);

        assertThat(plain.statistics()).isEmpty();
        PredictiveStatistics statistics = measured.statistics().orElseThrow();
        assertThat(statistics.getQuestionId()).isEqualTo("q");
        assertThat(statistics.getPosteriorVersion()).isEqualTo(12);
        assertThat(statistics.getContrastMean()).containsExactly(2.0, -1.0);
        assertThat(statistics.getBlocks()).hasSize(1);
        assertThat(statistics.getBlocks().get(0).getBlock()).isEqualTo("m.lora_A");
        assertThat(statistics.getBlocks().get(0).getBatches()).isEqualTo(3);
        assertThat(Tensors.floats(statistics.getBlocks().get(0).getProjections()))
                .containsExactly(1, 2, 3, 4);
    }

    @Test
    void shouldRefuseAChoiceThatTheModelHasNoLogitsOf() {
        assertThatThrownBy(() -> answer(Tier.ALL, question("q", 70, 99)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("token 99", "[70, 71, 72]");
    }

    private List<Outcome> answer(Tier tier, TokenizedQuestion... questions) {
        return answerer.answer(this::predict, PLACES, tier, List.of(questions), false);
    }

    private List<Predictive> predict(List<EncodedPrompt> prompts) {
        List<String> ids =
                prompts.stream().map(prompt -> prompt.question().id()).toList();
        asked.add(ids);
        if (ids.contains("bad")) {
            throw new ArithmeticException("the covariance is NaN");
        }
        ContrastProjections block =
                new ContrastProjections("m.lora_A", 2, 1, 2, new float[] {1, 2, 3, 4}, 0, new float[0]);
        return ids.stream()
                .map(id -> Predictives.familiar(Predictives.of(MEAN.clone(), COVARIANCE, 0.25, block), 1.5))
                .toList();
    }

    private static Answer answered(Outcome outcome) {
        assertThat(outcome).isInstanceOf(Outcome.Answered.class);
        return ((Outcome.Answered) outcome).answer();
    }

    private static TokenizedQuestion question(String id, int... choices) {
        List<Choice> named = new ArrayList<>();
        for (int c = 0; c < choices.length; c++) {
            named.add(new Choice(String.valueOf((char) ('A' + c)), "text"));
        }
        return new TokenizedQuestion(
                new Question(id, "Which?", null, named, null), new long[] {5, 6}, choices, Purpose.VALIDATION);
    }

    private static Posterior posterior() {
        Posterior posterior = new Posterior();
        posterior.setRunId("run");
        posterior.setCheckpoint("step-9");
        posterior.setFit("a fit");
        posterior.setVersion(12);
        posterior.setFamiliarity(new FamiliarityBasis(List.of(), List.of(), List.of(1.0), 0L, List.of()));
        posterior.setBatches(3);
        posterior.setBatchesExpected(4L);
        posterior.setBlocks(List.of(new BlockPrecision("m.lora_A", 2.0, 3L)));
        posterior.setCalibration(Calibration.TEMPERATURE);
        posterior.setTiers(List.of());
        posterior.setTemperature(1.7);
        return posterior;
    }

    private static List<Double> list(double[] values) {
        List<Double> list = new ArrayList<>();
        for (double value : values) {
            list.add(value);
        }
        return list;
    }
}
