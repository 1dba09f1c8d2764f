package io.calibrant.infra.commands;

import io.calibrant.cluster.Cluster;
import io.calibrant.infra.demo.DemoFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import picocli.CommandLine.ExitCode;

/**
 * Runs once what commands do when they start. The launcher runs it after a build, with the option by which a JVM
 * archives the classes that it has loaded: from that archive every command has them without reading and verifying them
 * again, which is most of what a short command does.
 */
final class StartUpClasses {
    /** The build waits for it: after this time there is no archive, which nothing needs. */
    private static final long LIMIT_SECONDS = 90;

    private StartUpClasses() {}

    /** Takes no arguments. */
    public static void main(String[] arguments) throws IOException {
        CompletableFuture.delayedExecutor(LIMIT_SECONDS, TimeUnit.SECONDS)
                .execute(() -> Runtime.getRuntime().halt(ExitCode.SOFTWARE));
        Path home = Files.createTempDirectory("calibrant-classes");
        try (Cluster cluster = Cluster.start(home.resolve("cluster"), 0, 0)) {
            Map<String, String> environment = Map.of(
                    "CALIBRANT_BOOTSTRAP_SERVERS", cluster.bootstrapServers(),
                    "CALIBRANT_SCHEMA_REGISTRY_URL", cluster.schemaRegistry());
            commands(DemoFiles.unpack(home.resolve("demo"))).forEach(command -> run(environment, command));
        } finally {
            delete(home);
        }
    }

    private static List<List<String>> commands(DemoFiles files) {
        String questions = files.test().toString();
        return List.of(
                List.of("topics", "--apply"),
                List.of("runs"),
                List.of("fits", "--json"),
                List.of("ask", "--run", "none", "--questions", questions),
                List.of("label", "--questions", questions),
                List.of("answers", "--from-beginning", "--count", "1", "--timeout", "1", "--json"));
    }

    /** What it says and whether it succeeds is all the same. */
    private static void run(Map<String, String> environment, List<String> command) {
        PrintWriter nobody = new PrintWriter(Writer.nullWriter());
        Calibrant.run(command.toArray(String[]::new), environment, nobody, nobody);
    }

    private static void delete(Path directory) {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        } catch (IOException | UncheckedIOException e) {
            // What remains lies in the directory for temporary files.
        }
    }
}
