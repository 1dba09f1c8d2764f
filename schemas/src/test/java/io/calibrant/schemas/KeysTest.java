package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class KeysTest {
    @Test
    void shouldGiveNoTwoRunsOfOneNameTheSameCheckpoint() {
        assertThat(Keys.checkpoint(0, "step-400")).isEqualTo("step-400");
        assertThat(Keys.checkpoint(2, "step-400")).isEqualTo("g2.step-400");
        assertThat(Keys.isOfGeneration(2, "g2.step-400")).isTrue();
        assertThat(Keys.isOfGeneration(2, "step-400")).isFalse();
        assertThat(Keys.isOfGeneration(2, "g20.step-400")).isFalse();
        // Other trainers name checkpoints as they like.
        assertThat(Keys.isOfGeneration(0, "g2.step-400")).isTrue();
    }
}
