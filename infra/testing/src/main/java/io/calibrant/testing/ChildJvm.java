package io.calibrant.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A process of its own on the class path of the tests, ended by its id; what it prints goes to a file. */
public final class ChildJvm implements AutoCloseable {
    private final Process process;
    private final Path log;

    private ChildJvm(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /** Starts a command of the program, with the log that users see; on the class path of infra's tests only. */
    public static ChildJvm calibrant(Path log, String... arguments) throws IOException {
        return calibrant(log, Map.of(), arguments);
    }

    /** The same with some variables of the environment. */
    public static ChildJvm calibrant(Path log, Map<String, String> environment, String... arguments)
            throws IOException {
        return start(
                log,
                List.of("-Dlogback.configurationFile=logback.xml"),
                environment,
                "io.calibrant.infra.commands.Calibrant",
                arguments);
    }

    /** Starts a main class. */
    public static ChildJvm start(Path log, String main, String... arguments) throws IOException {
        return start(log, List.of(), Map.of(), main, arguments);
    }

    private static ChildJvm start(
            Path log, List<String> options, Map<String, String> environment, String main, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx400m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:+UnlockDiagnosticVMOptions",
                "-XX:-BytecodeVerificationRemote", // a tenth of what it takes to start
                "-Dai.djl.offline=true"));
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        builder.environment().put("OMP_NUM_THREADS", "1");
        builder.environment().putAll(environment);
        return new ChildJvm(builder.start(), log);
    }

    /**
     * For the main class of such a process: runs the body of a service until it returns or throws, or until a SIGTERM
     * closes the service and ends the process with 0, as it does that of a command.
     */
    public static void serve(AutoCloseable service, Runnable body) {
        Thread hook = new Thread(() -> close(service), "close-on-term");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            body.run();
        } finally {
            awaitSignalled(hook);
        }
    }

    private static void awaitSignalled(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            new CompletableFuture<Void>().join(); // the signal came first: the hook ends this process
        }
    }

    private static void close(AutoCloseable service) {
        int code = 0;
        try {
            service.close();
        } catch (Exception e) {
            e.printStackTrace();
            code = 1;
        }
        Runtime.getRuntime().halt(code); // after a signal nothing else decides about the exit code
    }

    /** Whether it runs. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** The exit code of one that has ended. */
    public int exitCode() {
        return process.exitValue();
    }

    /** All that it has printed. */
    public String printed() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** kill -9; returns when it is gone. */
    public void kill() {
        ProcessTree.kill(process);
    }

    /** kill -STOP. */
    public void stop() throws IOException, InterruptedException {
        signal("STOP");
    }

    /** kill -CONT. */
    public void goOn() throws IOException, InterruptedException {
        signal("CONT");
    }

    /** kill -TERM; its exit code. */
    public int end() throws InterruptedException {
        process.destroy();
        if (!process.waitFor(Duration.ofSeconds(30).toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError("it did not end within 30 s of its signal: " + printed());
        }
        return process.exitValue();
    }

    private void signal(String signal) throws IOException, InterruptedException {
        int code = new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid()))
                .inheritIO()
                .start()
                .waitFor();
        if (code != 0) {
            throw new AssertionError("kill -" + signal + " " + process.pid() + ": exit code " + code);
        }
    }

    /** Kills it where it is still there. */
    @Override
    public void close() {
        kill();
    }
}
