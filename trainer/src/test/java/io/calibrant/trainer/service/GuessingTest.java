package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class GuessingTest {
    @Test
    void shouldWarnWhereAnswersCannotBeToldFromGuesses() {
        assertThat(of(24, 4, 6).warning())
                .hasValueSatisfying(line -> assertThat(line)
                        .startsWith("training accuracy 0.250: 6 of 24 questions right, where guessing has 6.0"));
        assertThat(of(24, 4, 9).warning())
                .as("three in a hundred, more often than not noticed")
                .isPresent();
        assertThat(of(24, 4, 10).warning()).isEmpty();
        assertThat(of(2000, 2, 1030).warning()).isPresent();
        assertThat(of(2000, 2, 1040).warning()).isEmpty();
        assertThat(of(24, 2, 0).warning()).as("worse than guessing").isPresent();
    }

    @Test
    void shouldSayNothingOfFewQuestions() {
        assertThat(of(11, 4, 0).warning()).isEmpty();
        assertThat(of(12, 4, 0).warning()).isPresent();
        assertThat(new Guessing().warning()).isEmpty();
    }

    private static Guessing of(int questions, int choices, int right) {
        int[] each = new int[questions];
        Arrays.fill(each, choices);
        Guessing guessing = new Guessing();
        guessing.add(each, right);
        return guessing;
    }
}
