package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.PriorObjective;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.streams.Topology;
import org.junit.jupiter.api.Test;

/** The names that a topology uses are those that clean-up, replay and restoring know. */
class StoreNamesTest {
    /** With the objective that uses every store. */
    private static String description() {
        FitterSettings settings = FitterSettings.defaults().with(PriorObjective.VALIDATION);
        Connection connection = Connection.to("localhost:1", "mock://names");
        Topology topology = FitterTopology.build(
                connection,
                settings,
                new InputPartitions(1, 1),
                Runnable::run,
                new PendingCalibrations(),
                posterior -> {});
        return topology.describe().toString();
    }

    private static Set<String> found(String pattern) {
        return Pattern.compile(pattern)
                .matcher(description())
                .results()
                .map(MatchResult::group)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void shouldNameEveryRepartitionTopic() {
        assertThat(StoreNames.repartitionTopics("app"))
                .containsExactlyInAnyOrderElementsOf(found("(?<=topic: )[a-z-]+-repartition(?=\\))").stream()
                        .map(name -> "app-" + name)
                        .toList());
    }

    @Test
    void shouldNameTheChangelogOfEveryStoreButTheGlobalTable() {
        Set<String> stores = new TreeSet<>();
        for (String list : found("(?<=stores: \\[)[^\\]]+")) {
            stores.addAll(Set.of(list.split(", ")));
        }
        assertThat(stores).contains(StoreNames.RUNS).hasSizeGreaterThan(5);
        stores.remove(StoreNames.RUNS);
        assertThat(StoreNames.changelogTopics("app"))
                .containsExactlyInAnyOrderElementsOf(stores.stream()
                        .map(name -> "app-" + name + "-changelog")
                        .toList());
    }
}
