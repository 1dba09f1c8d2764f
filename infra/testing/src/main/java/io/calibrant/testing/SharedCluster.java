package io.calibrant.testing;

import io.calibrant.cluster.Cluster;
import io.calibrant.schemas.Connection;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * One broker and one registry for all test classes of this JVM, since starting them takes several seconds. They start
 * when first asked for and end with the JVM. Tests stay apart by topic prefixes. A test that restarts the broker or the
 * registry starts a cluster of its own.
 */
public final class SharedCluster {
    private static final AtomicInteger PREFIXES = new AtomicInteger();

    private static Cluster cluster;

    private SharedCluster() {}

    /** The cluster, started. */
    public static synchronized Cluster get() {
        if (cluster == null) {
            Path directory;
            try {
                directory = Files.createTempDirectory("calibrant-cluster");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            cluster = Cluster.start(directory, 0, 0);
            Cluster started = cluster;
            Runtime.getRuntime().addShutdownHook(new Thread(() -> end(started, directory), "end-cluster"));
        }
        return cluster;
    }

    /**
     * A connection to topics that no other test has; there are none of them at first.
     *
     * @param name begins the topic prefix, for example the name of the test
     */
    public static Connection connection(String name) {
        Cluster to = get();
        String prefix = name + "-" + PREFIXES.incrementAndGet() + ".";
        return new Connection(to.bootstrapServers(), to.schemaRegistry(), prefix, Map.of());
    }

    private static void end(Cluster started, Path directory) {
        started.close();
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException e) {
            // What remains lies in the directory for temporary files.
        }
    }
}
