package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class CotangentTest {
    private static final double[] P = {0.1, 0.2, 0.3, 0.4};

    @Test
    void shouldBeARootOfTheLogitFisher() {
        // given questions of 4, 2 and 3 choices, their classes scattered over K = 5
        double[][] probabilities = {P, {0.75, 0.25}, {0.5, 0.125, 0.375}};
        int[][] classes = {{0, 1, 2, 3}, {4, 1}, {3, 0, 4}};

        List<Cotangent> passes = Cotangent.exact(probabilities, classes, 5);

        // then the sum of outer products is diag(p) - p p^T on a question's own classes and zero elsewhere
        assertThat(passes).hasSize(3);
        for (int b = 0; b < 3; b++) {
            double[][] expected = new double[5][5];
            for (int i = 0; i < classes[b].length; i++) {
                for (int j = 0; j < classes[b].length; j++) {
                    expected[classes[b][i]][classes[b][j]] =
                            (i == j ? probabilities[b][i] : 0) - probabilities[b][i] * probabilities[b][j];
                }
            }
            for (int i = 0; i < 5; i++) {
                for (int j = 0; j < 5; j++) {
                    double sum = 0;
                    for (Cotangent pass : passes) {
                        sum += (double) pass.values()[b * 5 + i] * pass.values()[b * 5 + j];
                    }
                    assertThat(sum).isCloseTo(expected[i][j], within(1e-7));
                }
            }
        }
    }

    @Test
    void shouldLetAQuestionTakePartInOneFewerPassesThanItsChoices() {
        List<Cotangent> passes =
                Cotangent.exact(new double[][] {P, {0.75, 0.25}}, new int[][] {{0, 1, 2, 3}, {0, 1}}, 4);

        assertThat(passes)
                .extracting(Cotangent::active)
                .containsExactly(new boolean[] {true, true}, new boolean[] {true, false}, new boolean[] {true, false});
    }

    @Test
    void shouldNeedOnePassForTwoChoices() {
        List<Cotangent> passes = Cotangent.exact(new double[][] {{0.2, 0.8}}, new int[][] {{1, 0}}, 2);

        assertThat(passes).hasSize(1);
        assertThat(passes.get(0).values()).containsExactly(-0.4f, 0.4f);
    }

    @Test
    void shouldStayFiniteAndExactWhereProbabilitiesAreSaturated() {
        double tiny = 1e-30;
        for (double[] p : List.of(
                new double[] {1, 0, 0},
                new double[] {0, 0, 1},
                new double[] {0, 1, 0},
                new double[] {1, tiny, tiny},
                new double[] {tiny, 1, tiny})) {
            for (Cotangent pass : Cotangent.exact(new double[][] {p}, new int[][] {{0, 1, 2}}, 3)) {
                double sum = 0;
                for (float value : pass.values()) {
                    assertThat(value).isFinite();
                    sum += value;
                }
                assertThat(sum).as("a combination of contrasts").isCloseTo(0, within(1e-22));
            }
        }
        // the first pass of p = (1, tiny, tiny): sqrt(2 tiny), which 1 - p_1 would have lost
        float first = Cotangent.exact(new double[][] {{1, tiny, tiny}}, new int[][] {{0, 1, 2}}, 3)
                .get(0)
                .values()[0];
        assertThat(first).isCloseTo((float) Math.sqrt(2 * tiny), within(1e-21f));
    }

    @Test
    void shouldTakeTheGradientOfThePerExampleLossAtALabel() {
        Cotangent one = Cotangent.ofLabels(
                new ClassProbabilities(new double[][] {{0.25, 0.75}}, null, new int[][] {{2, 0}}, 3), new int[] {1});
        assertThat(one.values()).containsExactly(-0.25f, 0, 0.25f);

        // not a mean over the batch: a second question changes nothing for the first
        Cotangent two = Cotangent.ofLabels(
                new ClassProbabilities(
                        new double[][] {{0.25, 0.75}, {0.5, 0.5}}, null, new int[][] {{2, 0}, {0, 1}}, 3),
                new int[] {1, 0});
        assertThat(two.values()).containsExactly(-0.25f, 0, 0.25f, -0.5f, 0.5f, 0);
        assertThat(two.active()).containsExactly(true, true);
    }
}
