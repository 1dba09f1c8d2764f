package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.selective.TargetAccuracy;
import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.ConfidenceCell;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.TierConfidences;
import io.calibrant.schemas.avro.TierMembers;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.LabelFreeServing;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.service.ScorerListener.Committed;
import io.calibrant.scorer.service.ScorerListener.Settled;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScoreProgressTest {
    private final List<String> lines = new ArrayList<>();
    private final ScoreProgress progress = new ScoreProgress(lines::add, AnsweringSettings.DEFAULTS);

    @Test
    void shouldSayWhatIsServedAndOnceWhatTheEvidenceAloneRisks() {
        progress.serving(posterior(1, Calibration.EVIDENCE));
        progress.serving(posterior(2, Calibration.EVIDENCE));
        progress.serving(posterior(3, Calibration.TEMPERATURE));
        assertThat(lines)
                .containsExactly(
                        "answering with run r, checkpoint step-4, fit f, posterior version 1, prior: evidence only",
                        CalibrationWords.RISK,
                        "answering with run r, checkpoint step-4, fit f, posterior version 2, prior: evidence only",
                        "answering with run r, checkpoint step-4, fit f, posterior version 3, calibration:"
                                + " temperature on 60"
                                + " labels");
        assertThat(CalibrationWords.RISK).contains("can make a model worse", "calibrant validate");
    }

    @Test
    void shouldSayWhatServesWithoutLabelsAndWhatIsNotKnownYet() {
        Posterior unknown = posterior(1, Calibration.LABEL_FREE);
        Posterior known = posterior(2, Calibration.LABEL_FREE);
        known.setLogitVariance(31.4);
        progress.serving(unknown);
        progress.serving(known);
        progress.serving(posterior(3, Calibration.AVERAGED));
        progress.serving(posterior(4, Calibration.MAP));
        assertThat(lines)
                .containsExactly(
                        "answering with run r, checkpoint step-4, fit f, posterior version 1, calibration: label-free,"
                                + " without the noise of a logit until 20 questions tell it: tiers forward and"
                                + " last-layer serve MAP",
                        CalibrationWords.WITHOUT_LABELS,
                        "answering with run r, checkpoint step-4, fit f, posterior version 2, calibration: label-free",
                        "answering with run r, checkpoint step-4, fit f, posterior version 3, calibration: averaged on"
                                + " 60 labels",
                        "answering with run r, checkpoint step-4, fit f, posterior version 4, calibration: none, MAP:"
                                + " its statistics count no tokens, so that labels alone can calibrate it");
    }

    @Test
    void shouldSayWhatTheScorerWasToldToServeWithoutLabels() {
        AnsweringSettings evidence = AnsweringSettings.DEFAULTS.withLabelFree(LabelFreeServing.EVIDENCE);
        Posterior posterior = posterior(1, Calibration.LABEL_FREE);
        posterior.setLogitVariance(31.4);
        new ScoreProgress(lines::add, evidence).serving(posterior);
        new ScoreProgress(lines::add, evidence).serving(posterior(2, Calibration.MAP));
        new ScoreProgress(lines::add, evidence.withTier(Tier.FORWARD)).serving(posterior);
        new ScoreProgress(lines::add, AnsweringSettings.DEFAULTS.withTier(Tier.MAP)).serving(posterior);
        new ScoreProgress(lines::add, evidence).serving(posterior(3, Calibration.AVERAGED));
        new ScoreProgress(lines::add, AnsweringSettings.DEFAULTS.withTier(Tier.FORWARD))
                .serving(posterior(4, Calibration.LABEL_FREE));
        new ScoreProgress(lines::add, evidence.withTier(Tier.FORWARD)).serving(posterior(5, Calibration.LABEL_FREE));
        String start = "answering with run r, checkpoint step-4, fit f, posterior version ";
        assertThat(lines)
                .containsExactly(
                        start + "1, prior: evidence only",
                        CalibrationWords.RISK,
                        start + "2, prior: evidence only",
                        CalibrationWords.RISK,
                        start + "1, calibration: none, MAP: no label is known, and tier forward has no covariance",
                        start + "1, calibration: none, MAP: no label is known, and tier map has no covariance",
                        start + "3, calibration: averaged on 60 labels",
                        start + "4, calibration: none, MAP: no label is known, and tier forward waits for the noise of"
                                + " a logit, which 20 questions tell",
                        start + "5, calibration: none, MAP: no label is known, and tier forward has no covariance");
    }

    @Test
    void shouldSayOnceThatItWaitsAndAgainWhereItWaitsAgain() {
        progress.waiting("run 'r' is not on the topics yet");
        progress.waiting("the curvature pass of run 'r' is not complete");
        progress.unavailable("registry http://r does not answer");
        progress.serving(posterior(1, Calibration.TEMPERATURE));
        progress.waiting("run 'r' has no posterior of fit 'f' yet");
        assertThat(lines)
                .hasSize(4)
                .startsWith(
                        "waiting: run 'r' is not on the topics yet", "registry http://r does not answer; trying again")
                .endsWith("waiting: run 'r' has no posterior of fit 'f' yet");
    }

    @Test
    void shouldSayThatAFitRestsOnAPartOfItsPass() {
        Posterior part = posterior(1, Calibration.TEMPERATURE);
        part.setState(PosteriorState.PARTIAL);
        part.setBatches(16);
        part.setBatchesExpected(24L);
        progress.serving(part);
        assertThat(lines)
                .containsExactly(
                        "answering with run r, checkpoint step-4, fit f, posterior version 1, partial: 16 of 24"
                                + " batches, calibration: temperature on 60 labels");
    }

    @Test
    void shouldCountAnswersDeadLettersAndPadding() {
        progress.committed(committed(3, 1, 40, 10));
        progress.committed(committed(0, 0, 0, 0));
        progress.committed(committed(1, 0, 10, 0));
        assertThat(lines)
                .containsExactly(
                        "answered 3, dead letters 1, padding 25.0% of the tokens",
                        "answered 4, dead letters 1, padding 20.0% of the tokens");
    }

    private static Committed committed(int answered, int rejected, long tokens, long padding) {
        List<Settled> questions = new ArrayList<>();
        questions.addAll(Collections.nCopies(answered, new Settled("questions", 0, new Answer(), null)));
        questions.addAll(Collections.nCopies(rejected, new Settled("questions", 0, null, DeadLetterReason.INVALID)));
        return new Committed(tokens, padding, questions);
    }

    @Test
    void shouldSayTheSizeOfPredictiveStatisticsOnceARun() {
        progress.measured("r", 150 * 1024);
        progress.measured("r", 170 * 1024);
        progress.measured("s", 2048);
        assertThat(lines)
                .containsExactly(
                        "run r: predictive statistics of a validation question take 150.0 KB",
                        "run s: predictive statistics of a validation question take 2.0 KB");
    }

    @Test
    void shouldSayWhatDecisionsRestOn() {
        ScoreProgress deciding =
                new ScoreProgress(lines::add, AnsweringSettings.DEFAULTS.withTarget(new TargetAccuracy(0.95, 0.95)));
        Posterior few = posterior(1, Calibration.TEMPERATURE);
        few.setSelective(List.of(new TierConfidences("all", List.of(new ConfidenceCell(0.99, 50, 0)))));
        deciding.serving(few);
        Posterior enough = posterior(2, Calibration.TEMPERATURE);
        enough.setSelective(List.of(new TierConfidences(
                "all", List.of(new ConfidenceCell(0.99, 120, 1), new ConfidenceCell(0.5, 80, 40)))));
        deciding.serving(enough);
        enough.setSelective(List.of());
        deciding.serving(enough);
        assertThat(lines.stream().filter(line -> line.startsWith("decisions ")))
                .containsExactly(
                        "decisions for 95% right with 95% confidence: no threshold for 95% yet: 50 labels, about 59"
                                + " are needed",
                        "decisions for 95% right with 95% confidence: answers above .51: 95% right or better with 95%"
                                + " confidence, 60% of the questions",
                        "decisions for 95% right with 95% confidence: no threshold at tier all: the labelled"
                                + " answers of the posterior say nothing of it");
    }

    private static Posterior posterior(long version, Calibration calibration) {
        Posterior posterior = new Posterior();
        posterior.setRunId("r");
        posterior.setCheckpoint("step-4");
        posterior.setFit("f");
        posterior.setVersion(version);
        posterior.setLabels(60);
        posterior.setCalibration(calibration);
        CalibrationMember scaled = new CalibrationMember("scaled", 1.0, .1, null, 1.0, null);
        posterior.setTiers(List.of(new TierMembers("all", List.of(scaled)), new TierMembers("forward", List.of())));
        return posterior;
    }
}
