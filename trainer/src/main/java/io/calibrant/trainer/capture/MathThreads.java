package io.calibrant.trainer.capture;

import ai.djl.Device;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Threads for many small pieces of work on arrays. Each does its products alone: where products are small, threads that
 * share one wait for each other for as long as they compute. They record no graph.
 */
public final class MathThreads implements AutoCloseable {
    private final ThreadPoolExecutor threads;

    /**
     * So many threads.
     *
     * @param count 1: none, the caller does all the work
     */
    public MathThreads(int count) {
        threads = count == 1 ? null : start(count);
    }

    /**
     * As many threads as the calling thread's products use; none where these are a GPU's, which is asked for a few
     * large products instead.
     */
    public static MathThreads on(Device device) {
        return new MathThreads(device.isGpu() ? 1 : Autograd.mathThreads());
    }

    private static ThreadPoolExecutor start(int count) {
        int before = Autograd.mathThreads();
        CountDownLatch ready = new CountDownLatch(count);
        // They stay: the library keeps buffers for every thread that ever made a product.
        ThreadPoolExecutor threads =
                new ThreadPoolExecutor(count, count, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
                    Thread thread = new Thread(
                            () -> {
                                Autograd.mathThreads(1);
                                ready.countDown();
                                Autograd.unrecorded(() -> {
                                    work.run();
                                    return null;
                                });
                            },
                            "calibrant-math");
                    thread.setDaemon(true);
                    return thread;
                });
        threads.prestartAllCoreThreads();
        await(ready);
        Autograd.mathThreads(before); // what one thread sets is also what threads made later start with
        return threads;
    }

    private static void await(CountDownLatch ready) {
        try {
            ready.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Does all pieces, in any order, and returns when all are done, whatever happens: they use arrays of the caller's.
     *
     * @throws RuntimeException what a piece has failed with
     */
    public void run(List<Runnable> pieces) {
        if (threads == null) {
            Autograd.unrecorded(() -> {
                pieces.forEach(Runnable::run);
                return null;
            });
            return;
        }
        List<Future<?>> started = new ArrayList<>();
        for (Runnable piece : pieces) {
            started.add(threads.submit(piece));
        }
        boolean interrupted = false;
        Throwable failure = null;
        for (Future<?> piece : started) {
            boolean done = false;
            while (!done) {
                try {
                    piece.get();
                    done = true;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    failure = failure == null ? e.getCause() : failure;
                    done = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failure instanceof Error error) {
            throw error;
        }
        if (failure != null) {
            throw (RuntimeException) failure; // a Runnable throws nothing else
        }
    }

    /** Ends the threads. */
    @Override
    public void close() {
        if (threads != null) {
            threads.shutdown();
        }
    }
}
