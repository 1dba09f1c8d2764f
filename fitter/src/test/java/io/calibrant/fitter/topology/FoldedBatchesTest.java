package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FoldedBatchesTest {
    @Test
    void shouldKnowExactlyWhatASetWouldKnow() {
        List<Long> order = new ArrayList<>();
        for (long batch = 0; batch < 97; batch++) {
            order.add(batch);
        }
        Collections.shuffle(order, new Random(3));
        FoldedBatches folded = new FoldedBatches(0, List.of());
        Set<Long> twin = new HashSet<>();
        for (long batch : order) {
            assertThat(folded.contains(batch)).isFalse();
            folded = folded.plus(batch);
            twin.add(batch);
            for (long other = 0; other < 99; other++) {
                assertThat(folded.contains(other)).isEqualTo(twin.contains(other));
            }
        }
        assertThat(folded.below()).isEqualTo(97);
        assertThat(folded.beyond()).isEmpty();
    }
}
