package io.calibrant.fitter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ClassConditionalSetsTest {
    private static final double ALPHA = 0.2;

    /** The third class is rare and hard: sets for all classes together miss it often, these do not. */
    @Test
    void shouldCoverEveryClassAsPromised() {
        Random random = new Random(3);
        int[] asked = new int[3];
        int[] covered = new int[3];
        int missedTogether = 0;
        for (int round = 0; round < 600; round++) {
            List<LabelledProbabilities> validation = draw(120, random);
            ClassConditionalSets sets = ClassConditionalSets.calibrated(validation, 3, ALPHA);
            ConformalSets together = ConformalSets.calibrated(validation, ALPHA);
            for (LabelledProbabilities one : draw(20, random)) {
                asked[one.label()]++;
                covered[one.label()] += sets.of(one.probabilities()).contains(one.label()) ? 1 : 0;
                missedTogether +=
                        one.label() == 2 && !together.of(one.probabilities()).contains(2) ? 1 : 0;
            }
        }
        for (int c = 0; c < 3; c++) {
            double noise = 3 * Math.sqrt(ALPHA * (1 - ALPHA) / asked[c]);
            assertThat((double) covered[c] / asked[c]).as("class %d", c).isGreaterThan(1 - ALPHA - noise);
        }
        assertThat((double) missedTogether / asked[2]).isGreaterThan(2 * ALPHA);
    }

    @Test
    void shouldHaveEveryClassThatHasTooFewAnswersInAllSets() {
        List<LabelledProbabilities> validation = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            validation.add(new LabelledProbabilities(new double[] {0.9, 0.1}, 0));
        }
        ClassConditionalSets sets = ClassConditionalSets.calibrated(validation, 2, 0.1);
        assertThat(sets.of(new double[] {0.3, 0.7})).containsExactly(1);
        assertThat(sets.of(new double[] {0.95, 0.05})).containsExactly(0, 1);
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        assertThatThrownBy(
                        () -> ClassConditionalSets.calibrated(List.of(), 2, 0.1).of(new double[3]))
                .hasMessage("class-conditional sets need 2 classes in every question, got 3");
    }

    private static List<LabelledProbabilities> draw(int n, Random random) {
        List<LabelledProbabilities> drawn = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            int truth = random.nextInt(8) == 0 ? 2 : random.nextInt(2);
            double own = truth == 2 ? 0.3 * random.nextDouble() : 0.5 + 0.5 * random.nextDouble();
            double[] p = {(1 - own) / 2, (1 - own) / 2, (1 - own) / 2};
            p[truth] = own;
            drawn.add(new LabelledProbabilities(p, truth));
        }
        return drawn;
    }
}
