package io.calibrant.infra.loop;

import io.calibrant.cluster.Cluster;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The whole loop on the embedded broker and the real registry. */
class EmbeddedLoopIT extends WholeLoopTests {
    @TempDir
    private static Path state;

    private static Cluster cluster;

    @BeforeAll
    static void start() {
        cluster = Cluster.start(state, 0, 0);
        TopicAdmin.createMissing(cluster.connection());
    }

    @AfterAll
    static void stop() {
        cluster.close();
    }

    @Override
    Connection connection() {
        return cluster.connection();
    }
}
