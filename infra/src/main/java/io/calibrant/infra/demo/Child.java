package io.calibrant.infra.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** One process of the demo. What it prints goes to a file. */
final class Child implements AutoCloseable {
    private static final long GRACE_SECONDS = 20;

    private final String name;
    private final Process process;
    private final Path log;
    private volatile boolean stopping;

    private Child(String name, Process process, Path log) {
        this.name = name;
        this.process = process;
        this.log = log;
    }

    /**
     * Starts a process.
     *
     * @param log the file for its output
     * @throws DemoFailure if it cannot be started
     */
    static Child start(String name, List<String> command, Path log) {
        try {
            Files.createDirectories(log.toAbsolutePath().getParent());
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectInput(ProcessBuilder.Redirect.from(nothing()))
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile());
            builder.environment().remove("CALIBRANT_METRICS_PORT"); // one port cannot be all their ports
            Process process = builder.start();
            return new Child(name, process, log);
        } catch (IOException e) {
            throw new DemoFailure(name + " cannot be started: " + e.getMessage(), e);
        }
    }

    private static java.io.File nothing() {
        return new java.io.File(System.getProperty("os.name").startsWith("Windows") ? "NUL" : "/dev/null");
    }

    long pid() {
        return process.pid();
    }

    /** Whether it has ended with exit code 0. */
    boolean done() {
        return !process.isAlive() && process.exitValue() == 0;
    }

    /**
     * Checks that the process runs, or has ended as expected.
     *
     * @param mayEnd whether exit code 0 is expected
     * @throws DemoFailure with its exit code and its last line of output
     */
    void check(boolean mayEnd) {
        if (stopping || process.isAlive() || (mayEnd && process.exitValue() == 0)) {
            return;
        }
        throw new DemoFailure("'" + name + "' ended with exit code " + process.exitValue() + ": " + lastWords()
                + " (its output is in " + log + ")");
    }

    private String lastWords() {
        try {
            return Files.readString(log, StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("\tat "))
                    .reduce((before, last) -> last)
                    .orElse("no output");
        } catch (IOException e) {
            return "its output cannot be read";
        }
    }

    /** Terminates the process and waits; kills it after a timeout. */
    @Override
    public void close() {
        stopping = true;
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
