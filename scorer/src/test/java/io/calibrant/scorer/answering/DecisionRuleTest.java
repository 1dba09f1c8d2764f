package io.calibrant.scorer.answering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.ConfidenceCell;
import io.calibrant.schemas.avro.Decision;
import io.calibrant.schemas.avro.FamiliarityBasis;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.TierConfidences;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.scorer.predictive.Predictives;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What an answer says about acting on it. */
class DecisionRuleTest {
    static {
        TrustedRecords.trust();
    }

    private static final Optional<TargetAccuracy> TARGET = Optional.of(new TargetAccuracy(0.95, 0.95));

    /** 100 answers from .96 on, none wrong, and 100 at .7, half of them wrong: the threshold lies between. */
    private static final TierConfidences KNOWN =
            new TierConfidences("all", List.of(new ConfidenceCell(0.96, 100, 0), new ConfidenceCell(0.7, 100, 50)));

    @Test
    void shouldAcceptFromTheThresholdOn() {
        DecisionRule rule = new DecisionRule(posterior(KNOWN), TARGET);
        assertThat(decide(rule, Tier.ALL, 0.97)).isEqualTo(Decision.ACCEPT);
        assertThat(decide(rule, Tier.ALL, 0.7)).isEqualTo(Decision.UNSURE);
        assertThat(rule.decide(Tier.ALL, new double[] {0.01, 0.97, 0.02}, false))
                .isEqualTo(Decision.ACCEPT);
    }

    @Test
    void shouldNotAcceptAQuestionOfAnotherKindHoweverSureItsAnswerIs() {
        DecisionRule rule = new DecisionRule(posterior(KNOWN), TARGET);
        assertThat(rule.decide(Tier.ALL, new double[] {1, 0}, true)).isEqualTo(Decision.UNFAMILIAR);
    }

    @Test
    void shouldGuaranteeNothingWithoutEnoughLabelsOfTheTier() {
        DecisionRule rule = new DecisionRule(posterior(KNOWN), TARGET);
        assertThat(decide(rule, Tier.MAP, 1)).isEqualTo(Decision.NO_GUARANTEE);
        assertThat(decide(rule, Tier.LAST_LAYER, 1)).isEqualTo(Decision.NO_GUARANTEE);
        DecisionRule few = new DecisionRule(
                posterior(new TierConfidences("all", List.of(new ConfidenceCell(0.99, 20, 0)))), TARGET);
        assertThat(decide(few, Tier.ALL, 1)).isEqualTo(Decision.NO_GUARANTEE);
    }

    @Test
    void shouldBeUnsureOfAllWhereNoThresholdIsGoodEnough() {
        DecisionRule rule = new DecisionRule(
                posterior(new TierConfidences("all", List.of(new ConfidenceCell(0.99, 500, 100)))), TARGET);
        assertThat(decide(rule, Tier.ALL, 1)).isEqualTo(Decision.UNSURE);
    }

    @Test
    void shouldDecideNothingWhereNoTargetIsAsked() {
        assertThat(decide(new DecisionRule(posterior(KNOWN), Optional.empty()), Tier.ALL, 1))
                .isNull();
    }

    @Test
    void shouldRefuseCountsThatAreNone() {
        Posterior bad = posterior(new TierConfidences("all", List.of(new ConfidenceCell(0.9, 1, 2))));
        assertThatThrownBy(() -> new DecisionRule(bad, TARGET))
                .hasMessage("a cell from 0.9 cannot have 2 wrong of 1 answers");
    }

    /** From the posterior to the answer, and with the next posterior. */
    @Test
    void shouldStandInTheAnswer() {
        Answerer answerer = new Answerer(
                posterior(),
                new Link(LinkFunction.MEAN_FIELD, 1, 0),
                LabelFreeServing.AVERAGE,
                Unfamiliar.SOFTEN,
                TARGET);
        assertThat(answer(answerer, 8).getDecision()).isEqualTo(Decision.NO_GUARANTEE);
        Answerer labelled = answerer.with(posterior(KNOWN));
        assertThat(answer(labelled, 8).getDecision()).isEqualTo(Decision.ACCEPT);
        assertThat(answer(labelled, 0.5).getDecision()).isEqualTo(Decision.UNSURE);
        Posterior ranking = posterior(KNOWN);
        ranking.setFamiliarity(new FamiliarityBasis(List.of(), List.of(), Collections.nCopies(30, 0.1), 0L, List.of()));
        assertThat(answer(answerer.with(ranking), 8).getDecision())
                .as("its score of 1.5 is above all of 30")
                .isEqualTo(Decision.UNFAMILIAR);
    }

    /** Labels of foreign questions by {@code label} are behind no threshold, whatever they do to familiarity. */
    @Test
    void shouldAcceptNoKindOfWhichNoLabelIsBehindTheThreshold() {
        Answerer answerer = new Answerer(
                posterior(KNOWN),
                new Link(LinkFunction.MEAN_FIELD, 1, 0),
                LabelFreeServing.AVERAGE,
                Unfamiliar.SOFTEN,
                TARGET);
        List<Double> scores = new ArrayList<>(Collections.nCopies(300, 0.0));
        List<Double> checked = Collections.nCopies(32, 9.0);
        scores.addAll(checked);
        Posterior ranking = posterior(KNOWN);
        ranking.setFamiliarity(new FamiliarityBasis(List.of(), List.of(), scores, 0L, checked));
        Answer answer = answer(answerer.with(ranking), 8);
        assertThat(answer.getFamiliarityP()).isEqualTo(33.0 / 333);
        assertThat(answer.getFamiliarityScores()).isEqualTo(332);
        assertThat(answer.getSoftened()).isZero();
        assertThat(answer.getDecision()).isEqualTo(Decision.UNFAMILIAR);

        ranking.setFamiliarity(new FamiliarityBasis(List.of(), List.of(), scores, 0L, List.of()));
        assertThat(answer(answerer.with(ranking), 8).getDecision())
                .as("as validation questions they have labels behind the threshold")
                .isEqualTo(Decision.ACCEPT);
    }

    private static Answer answer(Answerer answerer, double logit) {
        TokenizedQuestion question = new TokenizedQuestion(
                new Question("q", "Which?", null, List.of(new Choice("A", ""), new Choice("B", "")), null),
                new long[] {5},
                new int[] {70, 71},
                Purpose.ANSWER);
        Outcome outcome = answerer.answer(
                        all -> List.of(Predictives.familiar(
                                Predictives.of(new double[] {logit}, new double[][] {{0.01}}, 1), 1.5)),
                        new ClassPlaces(List.of(70, 71)),
                        Tier.ALL,
                        List.of(question),
                        false)
                .get(0);
        return ((Outcome.Answered) outcome).answer();
    }

    private static Decision decide(DecisionRule rule, Tier tier, double top) {
        return rule.decide(tier, new double[] {1 - top, top}, false);
    }

    private static Posterior posterior(TierConfidences... known) {
        return Posterior.newBuilder()
                .setRunId("run")
                .setCheckpoint("step-9")
                .setFit("a fit")
                .setVersion(1)
                .setBatches(3)
                .setBlocks(List.of(new BlockPrecision("m.lora_A", 2.0, 3L)))
                .setLogEvidence(0)
                .setLogLikelihood(0)
                .setEffectiveParameters(0)
                .setCapturedEnergy(1)
                .setSelective(List.of(known))
                .build();
    }
}
