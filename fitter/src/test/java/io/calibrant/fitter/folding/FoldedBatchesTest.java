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
    void shouldKeepOneSequenceOfEachShardHoweverFarAhead() {
        FoldedBatches folded = FoldedBatches.NONE;
        for (int i = 0; i < 1000; i++) {
            folded = folded.plus(1 + 3L * i, 1, 3).plus(2 + 3L * 100 * i, 100, 3);
        }
        assertThat(folded.beyond())
                .containsExactly(new BatchSequence(1L, 1000L, 3L), new BatchSequence(2L, 100_000L, 3L));
        assertThat(folded.count(0, 3000, 1)).isEqualTo(2000);
        assertThat(folded.plus(0, 1000, 3)).returns(3000L, FoldedBatches::below);
    }

    @Test
    void shouldTakeRecordsOfManyBatchesAtOnce() {
        FoldedBatches folded = FoldedBatches.NONE;
        for (long i = 0; i < 30; i++) {
            folded = folded.plus(1 + i * 131_072, 65_536, 2);
        }
        assertThat(folded.beyond()).containsExactly(new BatchSequence(1L, 30 * 65_536L, 2L));
        assertThat(folded.count(0, 65_536, Integer.MAX_VALUE)).isZero();
        assertThat(folded.count(Long.MAX_VALUE - 70_000, 65_536, 1)).isZero();
        assertThat(folded.plus(0, 30 * 65_536, 2).below()).isEqualTo(30 * 131_072L);
    }

    @Test
    void shouldReadWhatEarlierVersionsStoredOneByOne() {
        Random random = new Random(9);
        List<Long> singles = new ArrayList<>();
        for (long batch = 3; batch < 300; batch++) {
            if (random.nextInt(3) > 0) {
                singles.add(batch);
            }
        }
        singles.add(Long.MAX_VALUE - 9);
        FoldedBatches folded = FoldedBatches.of(2, singles, List.of());
        for (long batch = 0; batch < 310; batch++) {
            assertThat(folded.contains(batch)).isEqualTo(batch < 2 || singles.contains(batch));
        }
        assertThat(folded.contains(Long.MAX_VALUE - 9)).isTrue();
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
