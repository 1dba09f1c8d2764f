package io.calibrant.infra.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Label;
import org.junit.jupiter.api.Test;

class TrueLabelsTest {
    private final TrueLabels labels = new TrueLabels();

    @Test
    void shouldKeepTheLabelsOfTwoRunsApart() {
        labels.add("0", new Label("A", "r1", "text"), 1);
        labels.add("0", new Label("B", "r2", "other"), 2);

        assertThat(labels.of("0", "r1", "text")).hasValue("A");
        assertThat(labels.of("0", "r2", "other")).hasValue("B");
        assertThat(labels.of("0", "r2", null)).hasValue("B");
        assertThat(labels.of("0", "r2", "text")).isEmpty();
        assertThat(labels.of("0", "r3", "text")).isEmpty();
        assertThat(labels.of("1", "r1", "text")).isEmpty();
    }

    @Test
    void shouldTakeTheNewestOfThoseThatFitAndOfOneTimeTheOneThatSaysMore() {
        labels.add("0", new Label("A", null, null), 1);
        assertThat(labels.of("0", "r1", "text")).hasValue("A");
        labels.add("0", new Label("B", "r1", null), 1);
        assertThat(labels.of("0", "r1", "text")).hasValue("B");
        assertThat(labels.of("0", "r2", "text")).hasValue("A");
        labels.add("0", new Label("C", null, null), 2);
        assertThat(labels.of("0", "r1", "text")).hasValue("C");
    }
}
