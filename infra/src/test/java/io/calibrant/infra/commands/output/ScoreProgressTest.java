package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.scorer.service.ScorerListener.Committed;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScoreProgressTest {
    private final List<String> lines = new ArrayList<>();
    private final ScoreProgress progress = new ScoreProgress(lines::add);

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
        progress.committed(new Committed(3, 1, 40, 10));
        progress.committed(new Committed(0, 0, 0, 0));
        progress.committed(new Committed(1, 0, 10, 0));
        assertThat(lines)
                .containsExactly(
                        "answered 3, dead letters 1, padding 25.0% of the tokens",
                        "answered 4, dead letters 1, padding 20.0% of the tokens");
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

    private static Posterior posterior(long version, Calibration calibration) {
        Posterior posterior = new Posterior();
        posterior.setRunId("r");
        posterior.setCheckpoint("step-4");
        posterior.setFit("f");
        posterior.setVersion(version);
        posterior.setLabels(60);
        posterior.setCalibration(calibration);
        return posterior;
    }
}
