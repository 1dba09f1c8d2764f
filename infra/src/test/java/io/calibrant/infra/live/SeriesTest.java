package io.calibrant.infra.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class SeriesTest {
    @Test
    void shouldKeepEverythingWhileThereIsRoom() {
        Series<Long> series = Series.ofLast(5);
        LongStream.of(3, 1, 2, 5, 4).forEach(x -> series.put(x, 10 * x));
        assertThat(series.points()).containsExactly(10L, 20L, 30L, 40L, 50L);
        series.put(3, 31L);
        assertThat(series.points()).containsExactly(10L, 20L, 31L, 40L, 50L);
    }

    @Test
    void shouldKeepTheSameWheneverPointsCome() {
        List<Long> points = new ArrayList<>(LongStream.range(0, 1009).boxed().toList());
        Series<Long> inOrder = Series.ofLast(100);
        points.forEach(x -> inOrder.put(x, x));
        assertThat(inOrder.points()).hasSizeBetween(50, 100).contains(1008L);
        for (int seed = 0; seed < 20; seed++) {
            Collections.shuffle(points, new Random(seed));
            Series<Long> shuffled = Series.ofLast(100);
            points.forEach(x -> shuffled.put(x, x));
            assertThat(shuffled.points()).containsExactlyElementsOf(inOrder.points());
        }
    }

    @Test
    void shouldLoseNothingOfSums() {
        Series<Long> counts = Series.ofSums(7, Long::sum);
        for (long second = 1_000_003; second < 1_000_900; second += 3) {
            counts.put(second, 1L);
        }
        assertThat(counts.points()).hasSizeLessThanOrEqualTo(7);
        assertThat(counts.points().stream().mapToLong(Long::longValue).sum()).isEqualTo(299);
        assertThat(counts.byStretch().keySet())
                .allMatch(stretch -> stretch * counts.stretch() > 1_000_003 - counts.stretch()
                        && stretch * counts.stretch() < 1_000_900);
    }
}
