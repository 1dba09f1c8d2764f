package io.calibrant.infra.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.infra.live.PlantedRun;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.testing.Relay;
import io.calibrant.testing.SharedCluster;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a demo sees of its run, with a registry that is away for a while. */
class RunWatchIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(100);

    @Test
    void shouldFollowARunWhileTheRegistryIsAway() {
        Connection direct = SharedCluster.connection("RunWatchIT");
        TopicAdmin.createMissing(direct);
        PlantedRun run = new PlantedRun(direct, "r1");
        List<String> said = new ArrayList<>();
        try (Relay relay = Relay.to(direct.schemaRegistry())) {
            Connection connection =
                    new Connection(direct.bootstrapServers(), relay.url(), direct.topicPrefix(), Map.of());
            try (RunWatch watch = new RunWatch(connection, "r1", said::add)) {
                relay.cut();
                run.step(1, 0.5);
                run.posterior(4, 2.5, -40);
                await().atMost(PATIENCE).until(() -> {
                    watch.poll(POLL);
                    return !said.isEmpty();
                });
                watch.poll(POLL);
                assertThat(watch.posterior()).isNull();
                relay.restore();
                await().atMost(PATIENCE).until(() -> {
                    watch.poll(POLL);
                    return watch.posterior() != null && watch.progress() != null;
                });
                assertThat(watch.posterior().getBatches()).isEqualTo(4);
            }
            assertThat(said).hasSize(2);
            assertThat(said.get(0)).contains(relay.url()).endsWith("; waiting for it");
            assertThat(said.get(1)).isEqualTo("registry " + relay.url() + " answers again");
        }
    }
}
