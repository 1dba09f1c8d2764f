package io.calibrant.scorer.service;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;

/** For how long each thread that takes questions has been at those that it has. Thread-safe. */
final class PollAges {
    private final LongSupplier nanos;
    private final List<Age> threads = new CopyOnWriteArrayList<>();

    /** @param nanos the clock, in nanoseconds from any moment */
    PollAges(LongSupplier nanos) {
        this.nanos = nanos;
    }

    /** Of one thread. */
    final class Age {
        private volatile long began = nanos.getAsLong();

        /** The thread looks for questions anew. */
        void begin() {
            began = nanos.getAsLong();
        }

        /** The thread takes no more questions. */
        void end() {
            threads.remove(this);
        }
    }

    /** A thread begins. */
    Age add() {
        Age age = new Age();
        threads.add(age);
        return age;
    }

    /** Of the thread that is slowest; empty where there is none. */
    Optional<Duration> longest() {
        long now = nanos.getAsLong();
        return threads.stream()
                .map(age -> Duration.ofNanos(Math.max(0, now - age.began)))
                .max(Duration::compareTo);
    }

    /** Whether a thread has taken so long that its questions were given to another one of the group. */
    boolean isOneStuck() {
        return longest().filter(age -> age.compareTo(QuestionLoop.LONGEST) > 0).isPresent();
    }
}
