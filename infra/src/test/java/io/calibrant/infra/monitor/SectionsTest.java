package io.calibrant.infra.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.infra.live.LiveState;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.SequentialAlarm;
import io.calibrant.schemas.registry.TrustedRecords;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class SectionsTest {
    private static final long HEARD = 1_000_000;

    static {
        TrustedRecords.trust();
    }

    private static JsonNode run(Phase phase, long now) {
        LiveState state = new LiveState();
        state.run("r1", Run.newBuilder().setRunId("r1").setModelId("tiny").build(), HEARD - 1000);
        state.progress(Progress.newBuilder()
                .setRunId("r1")
                .setPhase(phase)
                .setStep(40)
                .setSteps(400)
                .setTimestamp(Instant.ofEpochMilli(HEARD))
                .build());
        return Sections.of(
                        state,
                        new Feed.Health(false, "", List.of()),
                        new PageSelection(null, null, null, null, null),
                        now)
                .get("overview")
                .get("runs")
                .get(0);
    }

    @Test
    void shouldTellADeadTrainerFromALiveOne() {
        assertThat(run(Phase.FINE_TUNING, HEARD + 5000).get("silent").asBoolean())
                .isFalse();
        JsonNode dead = run(Phase.FINE_TUNING, HEARD + 600_000);
        assertThat(dead.get("silent").asBoolean()).isTrue();
        assertThat(dead.get("heard").asLong()).isEqualTo(HEARD);
        assertThat(run(Phase.DONE, HEARD + 600_000).get("silent").asBoolean()).isFalse();
    }

    @Test
    void shouldKnowSinceWhenItIsAway() {
        Feed.Health well = new Feed.Health(false, "", List.of());
        Feed.Health away = new Feed.Health(false, "Kafka does not answer", List.of()).after(well, 1000);
        assertThat(away.away()).isEqualTo(1000);
        assertThat(new Feed.Health(false, "the registry does not answer", List.of())
                        .after(away, 5000)
                        .away())
                .isEqualTo(1000);
        assertThat(well.after(away, 6000).away()).isZero();
    }

    @Test
    void shouldShowTheMethodsOnTheSameQuestions() {
        LiveState state = new LiveState();
        CalibrationMetrics metrics = CalibrationMetrics.newBuilder()
                .setRunId("r1")
                .setCheckpoint("final")
                .setFit("default")
                .setWindow("total")
                .setN(40)
                .setMap(figures(40))
                .setTemperature(figures(12))
                .setCalibrated(figures(40))
                .setMapBesideTemperature(figures(12, 0.25))
                .setCalibratedBesideTemperature(figures(12))
                .build();
        state.calibration("r1/final/default/total", metrics);
        JsonNode same =
                CalibrationSection.of(state.fit("r1", "final", "default"), null).get("same");
        assertThat(List.of("map", "temperature", "calibrated"))
                .allMatch(method -> same.get(method).get("n").asInt() == 12);
        JsonNode series =
                CalibrationSection.of(state.fit("r1", "final", "default"), null).get("series");
        assertThat(series.get("mapEce").get(0).asDouble()).isEqualTo(0.25);
        assertThat(series.get("temperatureEce").get(0).asDouble()).isZero();
        metrics.setMapBesideTemperature(null);
        assertThat(CalibrationSection.of(state.fit("r1", "final", "default"), null)
                        .get("same")
                        .isNull())
                .isTrue();
    }

    /** The page marks the hours in which what is expected does not hold, and an alarm with the time since which. */
    @Test
    void shouldMarkAlarmsAndHoursInWhichTheFigureWithoutLabelsDoesNotHold() {
        LiveState state = new LiveState();
        state.calibration("r1/final/default/total", metrics("total").build());
        for (int hour = 0; hour < 3; hour++) {
            state.calibration(
                    "r1/final/default/" + hour,
                    metrics("" + hour)
                            .setWindowStart(Instant.ofEpochSecond(3600L * hour))
                            .setAccuracy(EstimatedAccuracy.newBuilder()
                                    .setAnswers(100)
                                    .setLabels(0)
                                    .setWithoutLabels(new EstimatedShare(0.75, 0.7, 0.8))
                                    .setHolds(hour != 1)
                                    .setJudged(hour == 2 ? 0 : 100)
                                    .setUnfamiliar(hour == 1 ? 30 : 0)
                                    .build())
                            .build());
        }
        JsonNode section = CalibrationSection.of(state.fit("r1", "final", "default"), null);
        assertThat(section.get("alarms")).isEmpty();
        assertThat(section.get("accuracy").get("expected")).hasSize(3);
        assertThat(section.get("accuracy").get("holds").toString()).isEqualTo("[true,false,true]");
        assertThat(section.get("accuracy").get("unfamiliar").toString()).isEqualTo("[0.0,0.3,null]");

        Instant since = Instant.parse("2026-11-25T10:00:00Z");
        state.calibration(
                "r1/final/default/total",
                metrics("total")
                        .setFamiliarityAlarm(new SequentialAlarm(12.0, 1e6, 900L, since))
                        .setCalibrationAlarm(new SequentialAlarm(230.0, 100.0, 40L, since))
                        .build());
        assertThat(CalibrationSection.of(state.fit("r1", "final", "default"), null)
                        .get("alarms"))
                .extracting(JsonNode::asText)
                .containsExactly(
                        "Alarm: the questions are of another kind than the training questions since " + since + ".",
                        "Alarm: the labels speak against the served probabilities of answers since " + since
                                + " (e-value 230).");
    }

    private static CalibrationMetrics.Builder metrics(String window) {
        return CalibrationMetrics.newBuilder()
                .setRunId("r1")
                .setCheckpoint("final")
                .setFit("default")
                .setWindow(window)
                .setN(40)
                .setMap(figures(40))
                .setCalibrated(figures(40));
    }

    @Test
    void shouldLayTheSeriesOfAnotherRunOverIt() {
        LiveState state = new LiveState();
        for (String run : List.of("r1", "r2")) {
            state.progress(Progress.newBuilder()
                    .setRunId(run)
                    .setPhase(Phase.FINE_TUNING)
                    .setStep(40)
                    .setLoss(run.equals("r1") ? 0.5 : 0.75)
                    .setTimestamp(Instant.ofEpochMilli(HEARD))
                    .build());
        }
        JsonNode compared = FitSections.compared(state, new PageSelection("r1", null, null, null, "r2").other(), null);
        assertThat(compared.get("name").asText()).isEqualTo("r2");
        assertThat(compared.get("training").get("loss").get(0).asDouble()).isEqualTo(0.75);
        assertThat(compared.get("training").get("time").get(0).asDouble()).isEqualTo(HEARD / 1000.0);
        assertThat(FitSections.compared(state, new PageSelection("r1", null, null, null, "r3/a/b").other(), null)
                        .get("unknown")
                        .asText())
                .startsWith("There is no run 'r3'");
        assertThat(FitSections.compared(state, new PageSelection("r1", null, null, null, null).other(), null))
                .isEmpty();
    }

    @Test
    void shouldLayTheSameBlockAndTheSameMethodsOverIt() {
        LiveState state = new LiveState();
        for (String run : List.of("r1", "r2")) {
            state.factors(
                    FactorUpdate.newBuilder()
                            .setRunId(run)
                            .setCheckpoint("final")
                            .setFit("default")
                            .setBlock("b")
                            .setBatches(1)
                            .setDimension(4)
                            .setSpectrum(run.equals("r1") ? List.of(3.0, 1.0) : List.of(7.0, 2.0))
                            .setSmallSpectrum(List.of())
                            .setTrace(1)
                            .setCapturedEnergy(1)
                            .setDelta(0)
                            .setN(1)
                            .setExamples(1)
                            .setLogLikelihood(0)
                            .setSquaredNorm(1)
                            .setParameters(1)
                            .setTimestamp(Instant.ofEpochMilli(HEARD))
                            .build(),
                    HEARD);
        }
        PageSelection other = new PageSelection("r1", null, null, null, "r2/final/default").other();
        JsonNode block = FitSections.compared(state, other, "b").get("block");
        assertThat(block.get("eigenvalues").get(1).get(0).asDouble()).isEqualTo(2);
        assertThat(block.get("at").get(0).asInt()).isEqualTo(1);
        assertThat(FitSections.compared(state, other, "another").has("block")).isFalse();
        assertThat(FitSections.compared(state, other, null).get("calibration").has("total"))
                .isFalse();
        state.calibration(
                "r2/final/default/total",
                CalibrationMetrics.newBuilder()
                        .setRunId("r2")
                        .setCheckpoint("final")
                        .setFit("default")
                        .setWindow("total")
                        .setN(40)
                        .setMap(figures(40, 0.125))
                        .setCalibrated(figures(40))
                        .build());
        JsonNode total =
                FitSections.compared(state, other, null).get("calibration").get("total");
        assertThat(total.get("map").get("ece").asDouble()).isEqualTo(0.125);
        assertThat(total.get("n").asInt()).isEqualTo(40);
    }

    private static MethodMetrics figures(long n) {
        return figures(n, 0);
    }

    private static MethodMetrics figures(long n, double ece) {
        return MethodMetrics.newBuilder()
                .setN(n)
                .setAccuracy(0.5)
                .setNll(1)
                .setBrier(1)
                .setEce10(0)
                .setEce15(ece)
                .setBins(List.of())
                .build();
    }
}
