package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ReplicationTest {
    private static final TopicDefinition STATISTICS = new Topics("")
            .definitions().stream()
                    .filter(each -> each.name().equals("statistics"))
                    .findFirst()
                    .orElseThrow();

    private static Replication of(String... settings) {
        Map<String, String> properties =
                settings.length == 0 ? Map.of() : Map.of(settings[0], settings[1], settings[2], settings[3]);
        return Replication.of(new Connection("a:1", "mock://replication", "", properties));
    }

    private static TopicDifference with(int replicas, int minInsync) {
        return new TopicDifference(STATISTICS, 4, replicas, minInsync, Map.of());
    }

    @Test
    void shouldLeaveItToTheClusterWhereNothingIsSaid() {
        assertThat(of().factor()).isEmpty();
        assertThat(of().minInsync()).isEmpty();
        assertThat(of().in(List.of(STATISTICS))).containsExactly(STATISTICS);
    }

    @Test
    void shouldTakeBothFromTheSettings() {
        Replication three = of(Replication.FACTOR, "3", Replication.MIN_INSYNC, "2");
        assertThat(three.factor()).contains((short) 3);
        assertThat(three.in(List.of(STATISTICS)).get(0).configs()).containsEntry("min.insync.replicas", "2");
    }

    @Test
    void shouldRefuseWhatCannotBe() {
        assertThatThrownBy(() -> of(Replication.FACTOR, "2", Replication.MIN_INSYNC, "3"))
                .hasMessage("--min-insync-replicas must be 1 to 2, got 3");
        assertThatThrownBy(() -> of(Replication.FACTOR, "0", Replication.MIN_INSYNC, "1"))
                .hasMessage("--replication-factor must be 1 to 32767, got 0");
        assertThatThrownBy(() -> of(Replication.FACTOR, "all", Replication.MIN_INSYNC, "1"))
                .hasMessage("--replication-factor must be a whole number, got 'all'");
    }

    @Test
    void shouldWarnOfTopicsThatOneBrokerTakesAlong() {
        assertThat(Replication.warnings(List.of(with(1, 1), TopicDifference.missing(STATISTICS)), 3))
                .singleElement()
                .asString()
                .contains("one replica on 3 brokers", "statistics", "--replication-factor 3");
        assertThat(Replication.warnings(List.of(with(3, 2)), 3)).isEmpty();
        assertThat(Replication.warnings(List.of(with(1, 1)), 1))
                .as("a single broker has no other to keep a replica")
                .isEmpty();
    }

    @Test
    void shouldWarnOfTopicsThatCannotBeWrittenWhileABrokerIsAway() {
        assertThat(Replication.warnings(List.of(with(2, 2)), 3))
                .singleElement()
                .asString()
                .contains("2 replicas, min.insync.replicas=2", "while one broker is away: statistics");
    }
}
