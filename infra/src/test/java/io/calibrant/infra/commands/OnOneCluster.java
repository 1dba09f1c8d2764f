package io.calibrant.infra.commands;

import io.calibrant.schemas.Connection;
import io.calibrant.testing.SharedCluster;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;

/** Commands against a real broker and the real registry, every test with topics of its own. */
abstract class OnOneCluster {
    /** To topics of the test's own; there are none at first. */
    Connection connection;

    @BeforeEach
    void connect(TestInfo test) {
        connection = SharedCluster.connection(test.getTestMethod().orElseThrow().getName());
    }

    /** Where a command finds them. */
    final Map<String, String> environment() {
        return Map.of(
                "CALIBRANT_BOOTSTRAP_SERVERS", connection.bootstrapServers(),
                "CALIBRANT_SCHEMA_REGISTRY_URL", connection.schemaRegistry(),
                "CALIBRANT_TOPIC_PREFIX", connection.topicPrefix());
    }
}
