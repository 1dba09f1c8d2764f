package io.calibrant.infra.training;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.cluster.Cluster;
import io.calibrant.schemas.Connection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The trainer on the golden model, with a real broker and registry; not run where the goldens are not. */
abstract class GoldenTraining {
    static final Path GOLDEN = Path.of("..", "..", "shared", "golden");

    private static final AtomicInteger PREFIXES = new AtomicInteger();

    @TempDir
    static Path directory;

    private static Cluster cluster;

    /** Topics of its own for every test. */
    final Connection connection = connection();

    @BeforeAll
    static void start() {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not here: trainer not run through the broker");
        cluster = Cluster.start(directory.resolve("cluster"), 0, 0);
    }

    @AfterAll
    static void stop() {
        if (cluster != null) {
            cluster.close();
            cluster = null;
        }
    }

    /** To topics that nobody else has; null where the tests are not run. */
    static Connection connection() {
        return cluster == null
                ? null
                : new Connection(
                        cluster.bootstrapServers(),
                        cluster.schemaRegistry(),
                        "t" + PREFIXES.incrementAndGet() + ".",
                        Map.of());
    }
}
