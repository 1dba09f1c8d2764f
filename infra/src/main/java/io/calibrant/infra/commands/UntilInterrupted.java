package io.calibrant.infra.commands;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.ExitCode;

/** Runs a service until it ends by itself, or until Ctrl-C or SIGTERM end it: cleanly, and with exit code 0. */
final class UntilInterrupted {
    private static final long GRACE_SECONDS = 25;

    private UntilInterrupted() {}

    /** The work of a service until it is closed. */
    interface Body {
        /** Returns the exit code. */
        int run() throws Exception;
    }

    /**
     * Runs the body. On a signal closes the service, waits for the body to return, and ends this JVM with 0; without
     * one the service stays the caller's to close.
     *
     * @return the body's exit code
     */
    static int run(AutoCloseable service, Body body) throws Exception {
        CountDownLatch returned = new CountDownLatch(1);
        Thread hook = new Thread(() -> end(service, returned), "interrupted");
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

    private static void end(AutoCloseable service, CountDownLatch returned) {
        int code = ExitCode.OK;
        try {
            service.close();
            returned.await(GRACE_SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            System.err.println("calibrant: did not end cleanly: " + e.getMessage());
            code = ExitCode.SOFTWARE;
        }
        // An exit code of its own after a signal: only halt can give one.
        System.out.flush();
        Runtime.getRuntime().halt(code);
    }
}
