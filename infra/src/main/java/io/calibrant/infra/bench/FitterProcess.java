package io.calibrant.infra.bench;

import io.calibrant.schemas.Connection;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code calibrant fit} as a process of its own, with the JVM options of this one. */
final class FitterProcess implements AutoCloseable {
    private static final String MAIN = "io.calibrant.infra.commands.Calibrant";
    private static final long GRACE_SECONDS = 20;

    private final Process process;
    private final Path log;

    private FitterProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /**
     * Starts a monitor.
     *
     * @param directory its state, and beside it its log
     */
    static FitterProcess start(Connection connection, String fit, int threads, Path directory, int number) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), MAIN, "fit"));
        command.addAll(List.of("--bootstrap-server", connection.bootstrapServers()));
        command.addAll(List.of("--schema-registry", connection.schemaRegistry()));
        command.addAll(List.of("--fit", fit, "--threads", Integer.toString(threads)));
        command.addAll(List.of("--state-dir", directory.toString()));
        Path log = directory.resolveSibling(directory.getFileName() + "-" + number + ".log");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectInput(new File("/dev/null"))
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            return new FitterProcess(process, log);
        } catch (IOException e) {
            throw new UncheckedIOException("a fitter cannot be started: " + e.getMessage(), e);
        }
    }

    /**
     * The processor time that it has taken, milliseconds.
     *
     * @throws IllegalStateException if it has ended, with its last line of output
     */
    long cpuMillis() {
        if (process.isAlive()) {
            return process.info().totalCpuDuration().map(Duration::toMillis).orElse(0L);
        }
        String last;
        try {
            List<String> lines = Files.readAllLines(log);
            last = lines.isEmpty() ? "nothing" : lines.get(lines.size() - 1);
        } catch (IOException e) {
            last = "nothing that can be read";
        }
        throw new IllegalStateException(
                "a fitter ended with exit code " + process.exitValue() + ", its last line was: " + last);
    }

    /** Terminates the process, which commits and leaves the group, and waits. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
