package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ComputeDeviceTest {
    @Test
    void shouldReadProcessorAndNumberedGpus() {
        assertThat(ComputeDevice.parse("cpu").resolve()).isEqualTo(Device.cpu());
        assertThat(ComputeDevice.parse("cpu").among(2)).isEqualTo(Device.cpu());
        assertThat(ComputeDevice.parse("gpu").among(1)).isEqualTo(Device.gpu(0));
        assertThat(ComputeDevice.parse("gpu:1").among(2)).isEqualTo(Device.gpu(1));
        assertThat(ComputeDevice.parse("gpu:1")).hasToString("gpu:1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "tpu", "gpu1", "gpu:", "gpu:-1", "gpu:1000", "CPU"})
    void shouldNameFlagValueAndWhatIsAccepted(String value) {
        assertThatThrownBy(() -> ComputeDevice.parse(value))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("--device must be cpu, gpu or gpu:N, got '" + value + "'");
    }

    @Test
    void shouldNameWhatThereIsWhereAGpuIsMissing() {
        assertThatThrownBy(() -> ComputeDevice.parse("gpu").among(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("--device must be cpu (the engine can use 0 GPUs of this machine), got 'gpu'");
        assertThatThrownBy(() -> ComputeDevice.parse("gpu:2").among(2))
                .hasMessage("--device must be cpu or gpu:0 to gpu:1 (the engine can use 2 GPUs of this machine), got"
                        + " 'gpu:2'");
    }
}
