package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.topology.StoredResults;
import java.util.List;
import java.util.Set;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.junit.jupiter.api.Test;

class KnownResultsTest {
    private final KnownResults known = new KnownResults();

    @Test
    void shouldKeepWhatItKnowsWhilePartitionsMoveAndForgetItAfterwards() {
        assertThat(known.look(() -> of("news"), () -> false)).isTrue();
        assertThat(known.last().runs()).containsExactly("news");
        assertThat(known.look(null, () -> true)).isFalse();
        assertThat(known.last().runs()).containsExactly("news");
        assertThat(known.look(KnownResultsTest::closed, () -> true)).isFalse();
        assertThat(known.last().runs()).containsExactly("news");

        assertThat(known.look(() -> of("sport"), () -> false)).isTrue();
        assertThat(known.last().runs()).containsExactly("sport");
        assertThat(known.look(KnownResultsTest::closed, () -> false)).isFalse();
        assertThat(known.last().runs()).isEmpty();
    }

    private static StoredResults.Results of(String run) {
        return new StoredResults.Results(Set.of(run), List.of(), List.of(), List.of());
    }

    private static StoredResults.Results closed() {
        throw new InvalidStateStoreException("moved");
    }
}
