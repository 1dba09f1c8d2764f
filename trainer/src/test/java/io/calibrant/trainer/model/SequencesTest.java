package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SequencesTest {
    private static final int TOKENS = 5;

    /** Of two sequences of five and of three tokens, every layer sees what its own window leaves. */
    @ParameterizedTest(name = "window {0} of several")
    @CsvSource({"0", "2", "4", "5", "9"})
    void shouldHideWhatLiesAheadOutOfTheWindowAndPadding(int window) {
        TokenBatch batch = TokenBatch.leftPadded(List.of(new long[] {1, 2, 3, 4, 5}, new long[] {6, 7, 8}), 0);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            Sequences sequences = new Sequences(batch, List.of(), Set.of(0, 2, 4, 5, 9), manager, DataType.FLOAT32);
            NDArray all = sequences.mask(window, false);
            NDArray last = sequences.mask(window, true);
            assertThat(all.getShape().getShape()).containsExactly(2, 1, TOKENS, TOKENS);
            assertThat(last.getShape().getShape()).containsExactly(2, 1, 1, TOKENS);
            for (int b = 0; b < 2; b++) {
                for (int key = 0; key < TOKENS; key++) {
                    for (int query = batch.first(b); query < TOKENS; query++) {
                        boolean seen = key >= batch.first(b) && key <= query && (window == 0 || key > query - window);
                        assertThat(all.getFloat(b, 0, query, key) == 0)
                                .as("token %d of sequence %d sees %d", query, b, key)
                                .isEqualTo(seen);
                        if (query == TOKENS - 1) {
                            assertThat(last.getFloat(b, 0, 0, key) == 0).isEqualTo(seen);
                        }
                    }
                }
            }
        }
    }
}
