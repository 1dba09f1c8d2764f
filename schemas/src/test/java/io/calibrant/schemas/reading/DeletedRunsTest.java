package io.calibrant.schemas.reading;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DeletedRunsTest {
    static {
        TrustedRecords.trust();
    }

    private final DeletedRuns deleted = new DeletedRuns(Map.of("r1", 1000L));

    @Test
    void shouldKnowTheQuestionsOfADeletedRunFromThoseOfItsNamesNextOne() {
        assertThat(deleted.wereAsked(of("r1"), 999)).isTrue();
        assertThat(deleted.wereAsked(of("r1"), 1001)).isFalse();
        assertThat(deleted.wereAsked(of("r2"), 999)).isFalse();
        assertThat(deleted.wereAsked(of(null), 999)).as("of every run").isFalse();
    }

    private static Question of(String run) {
        return Question.newBuilder()
                .setStem("Is it day?")
                .setChoices(List.of(new Choice("A", "yes"), new Choice("B", "no")))
                .setRun(run)
                .build();
    }
}
