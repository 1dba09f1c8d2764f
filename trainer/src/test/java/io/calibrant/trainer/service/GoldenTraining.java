package io.calibrant.trainer.service;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.schemas.Connection;
import io.calibrant.testing.SharedCluster;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** The trainer on the golden model, with a real broker and registry; not run where the goldens are not. */
abstract class GoldenTraining {
    static final Path GOLDEN = Path.of("..", "..", "shared", "golden");

    @TempDir
    static Path directory;

    /** Topics of its own for every test. */
    Connection connection;

    @BeforeAll
    static void requireGolden() {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not here: trainer not run through the broker");
    }

    @BeforeEach
    void connect() {
        connection = connection();
    }

    /** To topics that nobody else has; there are none at first. */
    static Connection connection() {
        return SharedCluster.connection("training");
    }
}
