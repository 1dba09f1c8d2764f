package io.calibrant.trainer.service;

import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Tells whether an adapter answers the questions that it was trained on any better than guessing would. If not, it was
 * trained with another prompt, or for another model.
 */
final class Guessing {
    /** Of fewer questions nothing is said: chance alone makes any share of them. */
    private static final int FEWEST = 12;

    /** One-sided, five in a hundred. */
    private static final double DEVIATIONS = 1.645;

    private long questions;
    private long right;
    private double expected;
    private double variance;

    /** Takes one batch. */
    void add(List<EncodedPrompt> prompts, BatchCurvature measured) {
        add(prompts.stream().mapToInt(prompt -> prompt.classes().length).toArray(), measured.right());
    }

    /** @param choices how many each question has */
    void add(int[] choices, int rightOfThem) {
        questions += choices.length;
        right += rightOfThem;
        for (int c : choices) {
            expected += 1.0 / c;
            variance += (1.0 / c) * (1 - 1.0 / c);
        }
    }

    /** One line, if the answers cannot be told from guesses. */
    Optional<String> warning() {
        return warning("training accuracy");
    }

    /** @param what what the share of right answers is called */
    Optional<String> warning(String what) {
        if (questions < FEWEST || right > expected + DEVIATIONS * Math.sqrt(variance)) {
            return Optional.empty();
        }
        return Optional.of(String.format(
                Locale.ROOT,
                "%s %.3f: %d of %d questions right, where guessing has %.1f: the prompt or the"
                        + " model is perhaps not the one that the adapter was trained with, or these are not its"
                        + " questions",
                what,
                (double) right / questions,
                right,
                questions,
                expected));
    }
}
