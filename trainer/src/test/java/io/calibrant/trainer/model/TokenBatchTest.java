package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class TokenBatchTest {
    @Test
    void shouldPadOnTheLeftAndKnowWhatIsReal() {
        TokenBatch batch = TokenBatch.leftPadded(List.of(new long[] {5, 6, 7}, new long[] {8}), 2);

        assertThat(batch.size()).isEqualTo(2);
        assertThat(batch.tokens()).isEqualTo(3);
        assertThat(batch.ids()).containsExactly(5, 6, 7, 2, 2, 8);
        assertThat(batch.isReal(0, 0)).isTrue();
        assertThat(batch.isReal(1, 1)).isFalse();
        assertThat(batch.isReal(1, 2)).isTrue();
    }
}
