package io.calibrant.infra.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

class LiveStateTest {
    static {
        TrustedRecords.trust();
    }

    private final LiveState state = new LiveState();

    @ParameterizedTest
    @NullSource
    @ValueSource(strings = {"", "a", "a/x", "/", "a/b/c", "a/b/c/d", "a/b/c/d/e", "//default/total"})
    void shouldTakeATombstoneOfAnyKey(String key) {
        state.calibration(key, null);
        state.posterior(key, null, 0);
        state.run(key == null ? "" : key, null, 0);
        assertThat(state.fits()).isEmpty();
    }

    @Test
    void shouldKeepLabelsWithoutAnAnswerApartFromTheFitsOfTheirRun() {
        CalibrationMetrics metrics = metrics("r", "", 3);
        state.calibration("r//default/total", metrics);
        state.calibration("//default/total", metrics("", "", 1));
        assertThat(state.fits()).isEmpty();
        assertThat(state.unmet(new FitName("r", "step-1", "default"))).isEqualTo(metrics);
        assertThat(state.unmet(new FitName("r2", "step-1", "default"))).isNull();
        state.calibration("r//default/total", null);
        assertThat(state.unmet(new FitName("r", "step-1", "default"))).isNull();
    }

    @Test
    void shouldCutTheTextsOfAnswersAndRefuseNamesThatAreNone() {
        String endless = "x".repeat(900_000);
        state.answer(answer("r", endless), 1, 0, 0);
        AnswerHistory.Point point = state.answers("r").newest().iterator().next();
        assertThat(point.question()).startsWith("xxx").hasSizeLessThan(200);
        assertThat(point.label()).startsWith("xxx").hasSizeLessThan(200);
        assertThatThrownBy(() -> state.answer(answer(endless, "q"), 1, 0, 1))
                .hasMessage("a name must have at most 1000 characters, got 900000");
        assertThat(state.answers(endless)).isNull();
    }

    @Test
    void shouldNotCountWhatWasAskedForTheNoiseOfALogit() {
        Answer noise = answer("r", "q");
        noise.setPurpose(Purpose.NOISE);
        state.answer(noise, 1, 0, 0);
        assertThat(state.answers("r")).isNull();
        state.answer(answer("r", "q"), 1, 0, 1);
        state.answer(noise, 1, 0, 2);
        assertThat(state.answers("r").total()).isEqualTo(1);
        assertThat(state.answers("r").newest().iterator().next().novelty()).isEqualTo(0.3);
    }

    @Test
    void shouldKnowNoNoveltyOfAnAnswerWithoutACovariance() {
        Answer forward = answer("r", "q");
        forward.setNovelty(1);
        forward.setContrastCovariance(List.of(List.of(0.0)));
        state.answer(forward, 1, 0, 0);
        assertThat(state.answers("r").newest().iterator().next().novelty()).isNaN();
    }

    private static Answer answer(String run, String text) {
        return Answer.newBuilder()
                .setQuestionId(text)
                .setRunId(run)
                .setCheckpoint("step-1")
                .setFit("default")
                .setPosteriorVersion(1)
                .setLabels(List.of(text, "B"))
                .setProbabilities(List.of(0.6, 0.4))
                .setMapProbabilities(List.of(0.6, 0.4))
                .setContrastMean(List.of(1.0))
                .setContrastCovariance(List.of(List.of(1.0)))
                .setEntropy(0.6)
                .setExpectedEntropy(0.5)
                .setMutualInformation(0.1)
                .setNovelty(0.3)
                .build();
    }

    @Test
    void shouldCompareTemperatureOnTheSameAnswersOnly() {
        CalibrationMetrics metrics = CalibrationMetrics.newBuilder()
                .setRunId("r")
                .setCheckpoint("step-1")
                .setFit("default")
                .setWindow("total")
                .setN(40)
                .setMap(figures(40))
                .setTemperature(figures(12))
                .setCalibrated(figures(40))
                .build();
        assertThat(CalibrationPoint.comparable(metrics)).isNull();
        metrics.setTemperature(figures(40));
        assertThat(CalibrationPoint.comparable(metrics)).isEqualTo(figures(40));
    }

    private static CalibrationMetrics metrics(String run, String checkpoint, long labelsWithoutAnswer) {
        return CalibrationMetrics.newBuilder()
                .setRunId(run)
                .setCheckpoint(checkpoint)
                .setFit("default")
                .setWindow("total")
                .setN(0)
                .setMap(figures(0))
                .setCalibrated(figures(0))
                .setLabelsWithoutAnswer(labelsWithoutAnswer)
                .build();
    }

    private static MethodMetrics figures(long n) {
        return MethodMetrics.newBuilder()
                .setN(n)
                .setAccuracy(0.5)
                .setNll(1)
                .setBrier(1)
                .setEce10(0)
                .setEce15(0)
                .setBins(List.of())
                .build();
    }
}
