package io.calibrant.infra.commands;

import io.calibrant.cluster.Cluster;
import io.calibrant.schemas.Connection;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** Commands against a real broker and the real registry, every test with topics of its own. */
abstract class OnOneCluster {
    @TempDir
    private static Path clusterDir;

    private static Cluster cluster;

    /** To topics of the test's own; there are none at first. */
    Connection connection;

    @BeforeAll
    static void up() {
        cluster = Cluster.start(clusterDir, 0, 0);
    }

    @AfterAll
    static void down() {
        cluster.close();
    }

    @BeforeEach
    void connect(TestInfo test) {
        String prefix = test.getTestMethod().orElseThrow().getName() + "-";
        connection = new Connection(cluster.bootstrapServers(), cluster.schemaRegistry(), prefix, Map.of());
    }

    /** Where a command finds them. */
    final Map<String, String> environment() {
        return Map.of(
                "CALIBRANT_BOOTSTRAP_SERVERS", connection.bootstrapServers(),
                "CALIBRANT_SCHEMA_REGISTRY_URL", connection.schemaRegistry(),
                "CALIBRANT_TOPIC_PREFIX", connection.topicPrefix());
    }
}
