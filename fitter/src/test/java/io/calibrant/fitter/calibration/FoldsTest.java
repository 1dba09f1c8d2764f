package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FoldsTest {
    @Test
    void shouldMakePartsOfEqualSize() {
        for (int n : new int[] {0, 1, 2, 9, 10, 11, 97, 400}) {
            int[] fold = Folds.of(ids(n), 10);
            int parts = Math.min(10, n);
            for (int part = 0; part < parts; part++) {
                int wanted = part;
                assertThat(IntStream.of(fold).filter(f -> f == wanted).count())
                        .isBetween((long) n / parts, (n + parts - 1L) / parts);
            }
            assertThat(fold).hasSize(n);
        }
    }

    @Test
    void shouldNotDependOnTheOrder() {
        List<String> ids = ids(97);
        int[] fold = Folds.of(ids, 10);
        List<String> shuffled = new ArrayList<>(ids);
        Collections.shuffle(shuffled, new Random(1));
        int[] other = Folds.of(shuffled, 10);
        for (int i = 0; i < 97; i++) {
            assertThat(other[shuffled.indexOf(ids.get(i))]).isEqualTo(fold[i]);
        }
    }

    @Test
    void shouldMoveFewQuestionsWhenALabelArrives() {
        int moved = 0;
        for (int n = 100; n < 200; n++) {
            int[] before = Folds.of(ids(n), 10);
            int[] after = Folds.of(ids(n + 1), 10);
            for (int i = 0; i < n; i++) {
                moved += before[i] == after[i] ? 0 : 1;
            }
        }
        // At most one question crosses each of the nine cuts; dealing ranks out in turn would move half of all of them.
        assertThat(moved).isLessThan(9 * 100);
    }

    @Test
    void shouldSpreadIdsThatDifferInADigitOnly() {
        // Adjacent questions of a file often resemble each other: they must not be held out together.
        int[] fold = Folds.of(ids(1000), 10);
        int together = 0;
        for (int i = 1; i < 1000; i++) {
            together += fold[i] == fold[i - 1] ? 1 : 0;
        }
        assertThat(together).isBetween(60, 140);
    }

    private static List<String> ids(int n) {
        return IntStream.range(0, n).mapToObj(i -> "agnews-test-" + i).toList();
    }
}
