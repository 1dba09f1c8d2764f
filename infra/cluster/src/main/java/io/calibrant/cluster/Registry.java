package io.calibrant.cluster;

import io.calibrant.schemas.registry.RegistryClient;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The real Apicurio registry as a child process: loopback, state in a file, every subject FULL_TRANSITIVE. */
public final class Registry implements AutoCloseable {
    private static final String HOST = "127.0.0.1";
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration GRACE = Duration.ofSeconds(5);

    private final Process process;
    private final String url;
    private final Path log;

    private Registry(Process process, String url, Path log) {
        this.process = process;
        this.url = url;
        this.log = log;
    }

    /**
     * Starts the process and returns at once; {@link #awaitReady} waits for it.
     *
     * @param dir holds the schemas and the process's log
     * @param port 0 for a free one
     * @throws ClusterException if the program is not there or cannot be started
     */
    public static Registry start(Path dir, int port) {
        int free = Ports.check("registry", port);
        try {
            Path home = Files.createDirectories(dir).toAbsolutePath();
            Path log = home.resolve("registry.log");
            Process process = new ProcessBuilder(command(home, free))
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            return new Registry(process, "http://" + HOST + ":" + free + "/apis/ccompat/v7", log);
        } catch (IOException e) {
            throw new ClusterException("registry in " + dir + " does not start: " + e.getMessage(), e);
        }
    }

    private static List<String> command(Path home, int port) throws IOException {
        Path ours = codeSource();
        Path program = ours.resolveSibling("registry");
        if (!Files.isDirectory(program)) {
            throw new IOException("no registry in " + program + ", building infra/cluster unpacks it there");
        }
        String runner;
        try (var files = Files.newDirectoryStream(program, "apicurio-registry-app-*-runner.jar")) {
            runner = files.iterator().next().toString();
        }
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dquarkus.http.host=" + HOST,
                "-Dquarkus.http.port=" + port,
                "-Dquarkus.log.level=WARN",
                "-Dquarkus.datasource.jdbc.url=jdbc:h2:file:" + home.resolve("schemas"),
                "-Dquarkus.datasource.jdbc.initial-size=1",
                "-Dquarkus.datasource.jdbc.min-size=1",
                "-Dregistry.rules.global.compatibility=FULL_TRANSITIVE",
                "-cp",
                runner + File.pathSeparator + ours,
                RegistryProcess.class.getName());
    }

    /** The directory or jar that this class came from: the registry lies beside it. */
    private static Path codeSource() throws IOException {
        try {
            return Path.of(Registry.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    /**
     * Waits until the registry answers.
     *
     * @throws ClusterException if it ends first, or takes longer than two minutes
     */
    public void awaitReady() {
        RegistryClient client = RegistryClient.of(Map.of("schema.registry.url", url));
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                client.ping();
                return;
            } catch (RegistryUnavailableException e) {
                try {
                    if (process.waitFor(200, TimeUnit.MILLISECONDS)) {
                        throw new ClusterException(
                                "registry ended with code " + process.exitValue() + ", see " + log, e);
                    }
                } catch (InterruptedException interrupt) {
                    Thread.currentThread().interrupt();
                    throw new ClusterException("interrupted while the registry started", interrupt);
                }
                if (System.nanoTime() > deadline) {
                    throw new ClusterException(
                            "registry does not answer after " + PATIENCE.toSeconds() + " s, see " + log, e);
                }
            }
        }
    }

    /** {@code http://127.0.0.1:M/apis/ccompat/v7}. */
    public String url() {
        return url;
    }

    /** The child process, for tests that end it. */
    ProcessHandle process() {
        return process.toHandle();
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(GRACE.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
