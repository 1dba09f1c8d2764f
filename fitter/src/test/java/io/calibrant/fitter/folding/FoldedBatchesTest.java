package io.calibrant.fitter.folding;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.BatchSequence;
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
        FoldedBatches folded = FoldedBatches.NONE;
        Set<Long> twin = new HashSet<>();
        for (long batch : order) {
            assertThat(folded.contains(batch)).isFalse();
            folded = folded.plus(batch, 1, 1);
            twin.add(batch);
            for (long other = 0; other < 99; other++) {
                assertThat(folded.contains(other)).isEqualTo(twin.contains(other));
            }
        }
        assertThat(folded.below()).isEqualTo(97);
        assertThat(folded.beyond()).isEmpty();
    }

    @Test
    void shouldTakeSeveralAtOnceWithAStride() {
        Random random = new Random(5);
        FoldedBatches folded = FoldedBatches.NONE;
        Set<Long> twin = new HashSet<>();
        for (int i = 0; i < 300; i++) {
            long first = random.nextInt(90);
            int batches = 1 + random.nextInt(5);
            long stride = 1L + random.nextInt(4);
            int there = 0;
            for (int j = 0; j < batches; j++) {
                there += twin.contains(first + j * stride) ? 1 : 0;
            }
            assertThat(folded.count(first, batches, stride)).isEqualTo(there);
            if (there == 0) {
                folded = folded.plus(first, batches, stride);
                for (int j = 0; j < batches; j++) {
                    twin.add(first + j * stride);
                }
            }
            for (long other = 0; other < 110; other++) {
                assertThat(folded.contains(other)).isEqualTo(twin.contains(other));
            }
            assertThat(folded.contains(folded.below())).isFalse();
            assertThat(folded.beyond()).extracting(BatchSequence::getFirst).isSorted();
        }
    }
}
