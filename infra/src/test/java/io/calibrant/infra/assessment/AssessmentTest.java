package io.calibrant.infra.assessment;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.SequentialAlarm;
import io.calibrant.schemas.avro.TierMembers;
import io.calibrant.schemas.registry.TrustedRecords;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class AssessmentTest {
    private static final Instant SINCE = Instant.parse("2026-11-25T10:00:00Z");

    static {
        TrustedRecords.trust();
    }

    @Test
    void shouldSayWhatIsKnownBeforeAnythingWasAsked() {
        assertThat(Assessment.sentences(posterior(Calibration.LABEL_FREE, 0), Observed.of(null)))
                .containsExactly(
                        "Without labels scaled Laplace serves at tier all, and MAP at the others, until 20"
                                + " questions tell"
                                + " the noise of a logit. What a scorer was told by --label-free comes first.",
                        "No estimate of accuracy: the fitter has counted no answers but those for validation.",
                        "What would help most: labelled validation questions, 50 or so in all.");
    }

    @Test
    void shouldSayWhatServesWithoutLabelsAndWhy() {
        Posterior known = posterior(Calibration.LABEL_FREE, 0);
        known.setLogitVariance(2.0);
        assertThat(Assessment.sentences(known, Observed.NOTHING))
                .startsWith("Members that need no label serve in equal parts, as no labels are known. What a scorer"
                        + " was told by --label-free comes first.");
        assertThat(Assessment.sentences(known, Calibration.LABEL_FREE, Observed.NOTHING))
                .as("answers say so")
                .startsWith("Members that need no label serve in equal parts, as no labels are known.");
        assertThat(Assessment.sentences(known, Calibration.EVIDENCE, Observed.NOTHING))
                .as("as score --label-free evidence")
                .startsWith("The evidence alone serves, which can make a model worse than it was.");
        assertThat(Assessment.sentences(known, Calibration.MAP, Observed.NOTHING))
                .startsWith("MAP serves: no labels are known, and the tier has no covariance.");
        assertThat(Assessment.sentences(posterior(Calibration.MAP, 0), Observed.NOTHING))
                .startsWith("MAP serves: its statistics count no tokens, so that labels alone can calibrate it."
                        + " What a scorer was told by --label-free comes first.");
        assertThat(Assessment.sentences(posterior(Calibration.LABEL_FREE, 0), Calibration.MAP, Observed.NOTHING))
                .as("at tier last-layer, which has a covariance")
                .startsWith("MAP serves: no labels are known, nor the noise of a logit, which 20 questions tell.");
    }

    @Test
    void shouldNameNoTimeOfLabelsThatCameAllAtOnce() {
        Observed observed = new Observed(accuracy(true, null, .8), 0, 0, null, alarm(230, Instant.EPOCH));
        assertThat(Assessment.alarms(observed))
                .containsExactly("Alarm: the labels speak against the served probabilities (e-value 230).");
    }

    @Test
    void shouldSayHowWellItDoesWithSomeLabels() {
        Observed observed = new Observed(
                accuracy(true, new EstimatedShare(.8312, .79, .87), null), 1000, 52, alarm(3, null), alarm(.4, null));
        assertThat(Assessment.sentences(posterior(Calibration.AVERAGED, 120), observed))
                .containsExactly(
                        "An average serves, weighted by 120 labels; at tier all noise has most weight, 0.70.",
                        "Without labels 87.0% [85.0, 89.0] of 900 answers are expected to be right.",
                        "By the labels of 100 of them 83.1% [79.0, 87.0] are right, if those are a random part.",
                        "Of the last 1,000 questions 5.2% were unfamiliar, where 5% or fewer are usual.",
                        "What would help most: nothing that is known of.");
    }

    @Test
    void shouldSayThatAnEstimateDoesNotHoldAndWhatWouldHelp() {
        Observed observed = new Observed(accuracy(false, null, null), 300, 90, alarm(12, SINCE), alarm(230, SINCE));
        assertThat(Assessment.sentences(posterior(Calibration.AVERAGED, 120), observed))
                .contains(
                        "Without labels 87.0% [85.0, 89.0] of 900 answers are expected to be right, which does not"
                                + " hold: 30% of the questions are unfamiliar.",
                        "Labels are known of 100 of them, too few for an estimate: 20, and 5 right and 5 wrong answers"
                                + " among them.",
                        "Alarm: the questions are of another kind than the training questions since"
                                + " 2026-11-25T10:00:00Z.",
                        "Alarm: the labels speak against the served probabilities of answers since"
                                + " 2026-11-25T10:00:00Z (e-value 230).",
                        "What would help most: a fit for the new kind of question; until then, labels of such"
                                + " questions.");
    }

    @Test
    void shouldAskForLabelsWhereLabelsSpeakAgainstIt() {
        Observed observed = new Observed(accuracy(true, null, .8), 0, 0, null, alarm(230, SINCE));
        assertThat(Assessment.sentences(posterior(Calibration.MAP, 60), observed))
                .contains(
                        "All 900 have a label: 80.0% were right.",
                        "How familiar the questions are is not known.",
                        "What would help most: validation labels of the questions that are asked now.");
    }

    @Test
    void shouldAskForNoNewFitOnceTheForeignQuestionsAreOver() {
        EstimatedAccuracy ofAll = accuracy(false, null, null);
        Posterior averaged = posterior(Calibration.AVERAGED, 120);
        assertThat(Assessment.sentences(averaged, new Observed(ofAll, 1000, 40, alarm(3, null), null)))
                .contains("What would help most: nothing that is known of.");
        assertThat(Assessment.sentences(averaged, new Observed(ofAll, 1000, 140, alarm(3, null), null)))
                .contains("What would help most: a fit for the new kind of question; until then, labels of such"
                        + " questions.");
    }

    private static SequentialAlarm alarm(double value, Instant since) {
        return new SequentialAlarm(value, 1e6, 1000L, since);
    }

    private static EstimatedAccuracy accuracy(boolean holds, EstimatedShare withLabels, Double realised) {
        return new EstimatedAccuracy(
                900L, 100L, new EstimatedShare(.87, .85, .89), holds, withLabels, realised, 900L, 270L);
    }

    private static Posterior posterior(Calibration calibration, long labels) {
        return Posterior.newBuilder()
                .setRunId("r")
                .setCheckpoint("c")
                .setFit("f")
                .setVersion(1)
                .setBatches(1)
                .setLogEvidence(0)
                .setLogLikelihood(0)
                .setEffectiveParameters(0)
                .setCapturedEnergy(1)
                .setLabels(labels)
                .setCalibration(calibration)
                .setTiers(List.of(new TierMembers(
                        "all",
                        List.of(
                                new CalibrationMember("scaled", 1.0, .1, null, .3, null),
                                new CalibrationMember("noise", 1.0, .1, 2.0, .7, null)))))
                .build();
    }
}
