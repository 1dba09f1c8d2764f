package io.calibrant.infra.commands;

import io.calibrant.schemas.text.Printable;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import picocli.CommandLine.ExitCode;

/**
 * Runs a service or a job until it ends by itself, or until Ctrl-C or SIGTERM end it. A service that was asked to stop
 * has done what it should: exit code 0. A job that was stopped before its end has not: it says where it stopped, and
 * the exit code is that of the signal, 130 or 143.
 */
final class UntilInterrupted {
    private static final long GRACE_SECONDS = 25;

    private final AutoCloseable closeable;
    private final Supplier<Optional<String>> unfinished;
    private final Consumer<String> lines;
    private final CountDownLatch returned = new CountDownLatch(1);

    private UntilInterrupted(AutoCloseable closeable, Supplier<Optional<String>> unfinished, Consumer<String> lines) {
        this.closeable = closeable;
        this.unfinished = unfinished;
        this.lines = lines;
    }

    /** The work of a service or a job until it is closed. */
    interface Body {
        /** Returns the exit code. */
        int run() throws Exception;
    }

    /**
     * Runs a service. On a signal closes it, waits for the body to return, and ends this JVM with 0; without one the
     * service stays the caller's to close.
     *
     * @return the body's exit code
     */
    static int run(AutoCloseable service, Body body) throws Exception {
        return new UntilInterrupted(service, Optional::empty, line -> {}).run(body);
    }

    /**
     * Runs a job. On a signal closes it and waits for the body to return; then this JVM ends with the signal's exit
     * code, or with 0 where the job is done all the same.
     *
     * @param unfinished asked after a signal where the job stopped and how it goes on; empty where it is done
     * @param lines takes that line
     * @return the body's exit code
     */
    static int job(AutoCloseable job, Body body, Supplier<Optional<String>> unfinished, Consumer<String> lines)
            throws Exception {
        return new UntilInterrupted(job, unfinished, lines).run(body);
    }

    private int run(Body body) throws Exception {
        Thread hook = new Thread(this::end, "interrupted");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            return body.run();
        } finally {
            returned.countDown();
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                // The signal came first: the hook ends the JVM.
                new CountDownLatch(1).await();
            }
        }
    }

    private void end() {
        int code = ExitCode.OK;
        try {
            closeable.close();
            returned.await(GRACE_SECONDS, TimeUnit.SECONDS);
            Optional<String> line = unfinished.get();
            if (line.isPresent()) {
                lines.accept(line.get());
                return; // without halt the JVM's own exit code stands: 128 and the signal's number
            }
        } catch (Exception e) {
            System.err.println("calibrant: did not end cleanly: " + Printable.message(e.getMessage()));
            code = ExitCode.SOFTWARE;
        }
        // An exit code of its own after a signal: only halt can give one.
        System.out.flush();
        Runtime.getRuntime().halt(code);
    }
}
