package io.calibrant.trainer.finetuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class QuestionOrderTest {
    @Test
    void shouldShowEveryQuestionOnceAnEpochInAFreshOrder() {
        QuestionOrder order = new QuestionOrder(11, 4, 7);

        List<Integer> first = epoch(order, 4, 4, 3);
        List<Integer> second = epoch(order, 4, 4, 3);

        assertThat(first)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 11).boxed().toList());
        assertThat(second).containsExactlyInAnyOrderElementsOf(first).isNotEqualTo(first);
    }

    @Test
    void shouldDependOnTheSeedAlone() {
        assertThat(epoch(new QuestionOrder(11, 4, 7), 4, 4, 3)).isEqualTo(epoch(new QuestionOrder(11, 4, 7), 4, 4, 3));
        assertThat(epoch(new QuestionOrder(11, 4, 8), 4, 4, 3))
                .isNotEqualTo(epoch(new QuestionOrder(11, 4, 7), 4, 4, 3));
    }

    @Test
    void shouldPutEveryQuestionEverywhereEquallyOften() {
        int[] firsts = new int[3];
        for (int seed = 0; seed < 3000; seed++) {
            firsts[new QuestionOrder(3, 1, seed).nextBatch()[0]]++;
        }
        assertThat(IntStream.of(firsts).boxed())
                .allSatisfy(count -> assertThat(count).isBetween(900, 1100));
    }

    @Test
    void shouldGoOnAsIfItHadTakenTheStepsThatItSkips() {
        QuestionOrder taken = new QuestionOrder(11, 4, 7);
        epoch(taken, 4, 4, 3, 4, 4);
        QuestionOrder skipped = new QuestionOrder(11, 4, 7);

        assertThat(skipped.skip(5)).isEqualTo(19);

        assertThat(epoch(skipped, 3, 4, 4, 3)).isEqualTo(epoch(taken, 3, 4, 4, 3));
    }

    @Test
    void shouldRefuseNothingToOrder() {
        assertThatThrownBy(() -> new QuestionOrder(0, 4, 0)).hasMessageContaining("both must be positive");
    }

    private static List<Integer> epoch(QuestionOrder order, int... sizes) {
        List<Integer> places = new ArrayList<>();
        for (int size : sizes) {
            int[] batch = order.nextBatch();
            assertThat(batch).hasSize(size);
            IntStream.of(batch).forEach(places::add);
        }
        return places;
    }
}
