package io.calibrant.infra.bench;

import io.calibrant.trainer.service.ProgressListener;
import io.calibrant.trainer.service.ProgressListener.Event;
import io.calibrant.trainer.service.ProgressListener.Phase;
import io.calibrant.trainer.service.Trainer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;

/**
 * Two trainers in one JVM that fine-tune in turns of a few steps: one works while the other waits. So what disturbs the
 * machine for longer than a turn falls on both.
 *
 * <p>A turn counts from its second step: in every step that counts there is on its way what the step before it has
 * sent, and nothing else.
 */
final class Turns {
    /** Steps that do not count, at the start: buffers are allocated, code is compiled. */
    private static final int WARM = 6;

    /** Steps of a turn that count. */
    private static final int COUNTED = 4;

    private final int rounds;
    private final Semaphore[] mayGo = {new Semaphore(1), new Semaphore(0)};
    private final List<List<Turn>> turns = List.of(new ArrayList<>(), new ArrayList<>());

    /**
     * One turn, a step.
     *
     * @param seconds that passed
     * @param cpu seconds of CPU
     */
    record Turn(double seconds, CpuSeconds cpu) {}

    /** A trainer of {@link #steps()} steps. */
    @FunctionalInterface
    interface Opening {
        /** Makes a trainer that reports every step to the listener. */
        Trainer open(ProgressListener listener);
    }

    /** @param rounds turns of each */
    Turns(int rounds) {
        this.rounds = rounds;
    }

    /** How many steps each of the trainers does. */
    int steps() {
        return WARM + rounds * (1 + COUNTED);
    }

    /** Trains both; they are stopped before their curvature pass. */
    void run(Opening first, Opening second) {
        ExecutorService threads = Executors.newFixedThreadPool(2, work -> new Thread(work, CpuSeconds.TRAINER));
        try {
            Future<?> one = threads.submit(() -> train(0, first));
            Future<?> other = threads.submit(() -> train(1, second));
            one.get();
            other.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    "a trainer has failed: " + e.getCause().getMessage(), e);
        } finally {
            threads.shutdownNow();
        }
    }

    private void train(int who, Opening opening) {
        mayGo[who].acquireUninterruptibly();
        Clock clock = new Clock(who);
        try {
            clock.trainer = opening.open(clock::progressed);
            clock.trainer.run();
        } finally {
            mayGo[1 - who].release(steps()); // whatever has happened, nobody is left waiting
        }
    }

    /** Of one of the two. */
    private final class Clock {
        private final int who;
        private Trainer trainer;
        private long begun;
        private CpuSeconds cpu;

        Clock(int who) {
            this.who = who;
        }

        void progressed(Event event) {
            if (event.phase() != Phase.FINE_TUNING || event.done() < WARM) {
                return;
            }
            long place = (event.done() - WARM) % (1 + COUNTED);
            if (place == 0 && event.done() > WARM) {
                double seconds = (System.nanoTime() - begun) / 1e9;
                turns.get(who)
                        .add(new Turn(
                                seconds / COUNTED, CpuSeconds.now().since(cpu).over(COUNTED)));
            }
            if (event.done() == steps()) {
                trainer.close();
            } else if (place == 0) {
                mayGo[1 - who].release();
                mayGo[who].acquireUninterruptibly();
            } else if (place == 1) {
                begun = System.nanoTime();
                cpu = CpuSeconds.now();
            }
        }
    }

    /** The turns of the first trainer. */
    List<Turn> first() {
        return turns.get(0);
    }

    /** The turns of the second one, each after the turn of the first of the same number. */
    List<Turn> second() {
        return turns.get(1);
    }

    /** The middle one, or the mean of the two in the middle. */
    static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
