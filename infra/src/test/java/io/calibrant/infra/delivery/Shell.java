package io.calibrant.infra.delivery;

import io.calibrant.testing.ProcessTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A process that was run to its end, and what it left.
 *
 * @param code exit code; {@link #TIME_IS_UP} where it was ended, with all that it had started
 * @param out standard output
 * @param err standard error
 * @param wall how long it took
 */
record Shell(int code, String out, String err, Duration wall) {
    /** As {@code timeout} has it. */
    static final int TIME_IS_UP = 124;

    private static final Duration LIMIT = Duration.ofMinutes(2);

    /** Runs a command in a directory, with the test's own Java, these variables and none of Calibrant's. */
    static Shell run(Path directory, Map<String, String> environment, List<String> command)
            throws IOException, InterruptedException {
        return run(directory, environment, command, LIMIT);
    }

    /** The same, which takes no longer than this. */
    static Shell run(Path directory, Map<String, String> environment, List<String> command, Duration limit)
            throws IOException, InterruptedException {
        Path out = Files.createTempFile("calibrant-out", "");
        Path err = Files.createTempFile("calibrant-err", "");
        try {
            ProcessBuilder builder = builder(directory, environment, command)
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile());
            long start = System.nanoTime();
            Process process = builder.start();
            boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
            Duration wall = Duration.ofNanos(System.nanoTime() - start);
            if (!ended) {
                ProcessTree.kill(process);
            }
            int code = ended ? process.exitValue() : TIME_IS_UP;
            return new Shell(code, Files.readString(out), Files.readString(err), wall);
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    /** A process of that kind, to be started. */
    static ProcessBuilder builder(Path directory, Map<String, String> environment, List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("CALIBRANT_") || name.startsWith("XDG_"));
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().putAll(environment);
        return builder;
    }

    /** Runs what must succeed. */
    static Shell must(Path directory, String... command) throws IOException, InterruptedException {
        return run(directory, Map.of(), List.of(command)).succeeded(String.join(" ", command));
    }

    /** This, if it has. */
    Shell succeeded(String what) {
        if (code != 0) {
            throw new AssertionError(what + ": exit code " + code + "\n" + out + err);
        }
        return this;
    }
}
