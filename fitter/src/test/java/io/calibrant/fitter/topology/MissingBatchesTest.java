package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.settings.StatisticsSelection;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MissingBatchesTest {
    @Test
    void shouldNameRunAndBatchesThatDoNotComeOnceAndOnlyAfterAWhile(@TempDir Path dir) {
        List<String> lines = new ArrayList<>();
        MissingBatches missing = new MissingBatches(StatisticsSelection.ALL, lines::add);
        try (Driver driver = new Driver(Driver.settings(), dir, new InputPartitions(1, 1))) {
            driver.run(Pass.run(Pass.RANK));
            for (long batch = 3; batch < 6; batch++) {
                driver.send(Pass.A, batch, 6L);
                driver.send(Pass.B, batch, 6L);
            }
            missing.folded("a", driver.state(Pass.factorKey(Pass.A)), 1_000);
            missing.folded("b", driver.state(Pass.factorKey(Pass.B)), 1_000);
            missing.look(15_000);
            assertThat(lines).isEmpty();
            missing.look(16_000);
            missing.look(60_000);
            assertThat(lines)
                    .singleElement()
                    .asString()
                    .startsWith("run 'run-1', checkpoint step-7: batches 0 to 2 of 6 of block " + Pass.A.getName()
                            + " and of 1 more have not come");
        }
    }

    @Test
    void shouldSayNothingWhereBatchesAreLeftOutOnPurpose(@TempDir Path dir) {
        try (Driver driver = new Driver(Driver.settings(), dir, new InputPartitions(1, 1))) {
            driver.run(Pass.run(Pass.RANK));
            driver.send(Pass.A, 3, 6L);
            for (StatisticsSelection part : List.of(
                    new StatisticsSelection("r", null, 3, Long.MAX_VALUE, Set.of(), null),
                    new StatisticsSelection("r", null, 0, 4, Set.of(), null),
                    new StatisticsSelection("r", null, 0, Long.MAX_VALUE, Set.of("1/3"), null),
                    StatisticsSelection.ALL.withPresent(Map.of("r/c/a", 2L)))) {
                List<String> lines = new ArrayList<>();
                MissingBatches missing = new MissingBatches(part, lines::add);
                missing.folded("a", driver.state(Pass.factorKey(Pass.A)), 0);
                missing.look(60_000);
                assertThat(lines).isEmpty();
            }
        }
    }

    @Test
    void shouldSayNothingOfAPassInOrder(@TempDir Path dir) {
        List<String> lines = new ArrayList<>();
        MissingBatches missing = new MissingBatches(StatisticsSelection.ALL, lines::add);
        try (Driver driver = new Driver(Driver.settings(), dir, new InputPartitions(1, 1))) {
            driver.run(Pass.run(Pass.RANK));
            driver.send(Pass.A, 1, 6L);
            missing.folded("a", driver.state(Pass.factorKey(Pass.A)), 0);
            driver.send(Pass.A, 0, 6L);
            missing.folded("a", driver.state(Pass.factorKey(Pass.A)), 0);
            missing.look(60_000);
            assertThat(lines).isEmpty();
        }
    }
}
