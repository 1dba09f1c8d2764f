package io.calibrant.infra.loop;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.testing.SharedCluster;
import org.junit.jupiter.api.BeforeAll;

/** The whole loop on the embedded broker and the real registry. */
class EmbeddedLoopIT extends WholeLoopTests {
    private static Connection connection;

    @BeforeAll
    static void start() {
        connection = SharedCluster.connection("loop");
        TopicAdmin.createMissing(connection);
    }

    @Override
    Connection connection() {
        return connection;
    }
}
