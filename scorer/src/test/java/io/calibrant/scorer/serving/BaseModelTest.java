package io.calibrant.scorer.serving;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BaseModelTest {
    @Test
    void shouldNameADeviceThatThisMachineDoesNotHaveBeforeItReadsAnything() {
        ComputeDevice missing = ComputeDevice.parse("gpu:999");

        assertThatThrownBy(() -> BaseModel.load(Path.of("no such model"), missing))
                .hasMessageStartingWith("--device must be cpu");
    }
}
