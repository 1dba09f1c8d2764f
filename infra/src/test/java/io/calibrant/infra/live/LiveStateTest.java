package io.calibrant.infra.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.MethodMetrics;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

class LiveStateTest {
    private final LiveState state = new LiveState();

    @ParameterizedTest
    @NullSource
    @ValueSource(strings = {"", "a", "a/x", "/", "a/b/c", "a/b/c/d", "a/b/c/d/e", "//default/total"})
    void shouldTakeATombstoneOfAnyKey(String key) {
        state.calibration(key, null);
        state.posterior(key, null, 0);
        state.run(key == null ? "" : key, null);
        assertThat(state.fits()).isEmpty();
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
