package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class MathThreadsTest {
    @Test
    void shouldDoEveryPieceInAThreadWhoseProductsAreItsOwn() {
        int before = Autograd.mathThreads();
        List<Integer> seen = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch together = new CountDownLatch(3);
        Runnable piece = () -> {
            seen.add(Autograd.mathThreads());
            together.countDown();
            try {
                together.await(); // would wait for ever if fewer than three threads took part
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };

        try (MathThreads threads = new MathThreads(3)) {
            threads.run(Collections.nCopies(7, piece));
        }

        assertThat(seen).hasSize(7).containsOnly(1);
        assertThat(Autograd.mathThreads()).as("the caller's own").isEqualTo(before);
    }

    @Test
    void shouldLeaveThreadsThatAreMadeLaterAsTheyWouldHaveBeen() throws InterruptedException {
        int before = Autograd.mathThreads();
        AtomicInteger later = new AtomicInteger();

        try (MathThreads threads = new MathThreads(2)) {
            threads.run(List.of(Autograd::mathThreads));
            Thread thread = new Thread(() -> later.set(Autograd.mathThreads()));
            thread.start();
            thread.join();
        }

        assertThat(later).hasValue(before);
    }

    /** The caller frees the arrays of all pieces next. */
    @Test
    void shouldWaitForAllPiecesBeforeItSaysThatOneFailed() {
        for (int count : new int[] {2, 3}) {
            AtomicInteger done = new AtomicInteger();
            List<Runnable> pieces = new ArrayList<>(Collections.nCopies(20, () -> {
                pause();
                done.incrementAndGet();
            }));
            pieces.add(0, () -> {
                throw new IllegalStateException("this piece");
            });

            try (MathThreads threads = new MathThreads(count)) {
                assertThatThrownBy(() -> threads.run(pieces)).hasMessage("this piece");
            }

            assertThat(done).hasValue(20);
        }
    }

    @Test
    void shouldNotLeaveItsPiecesAloneWhereItIsInterrupted() {
        AtomicInteger done = new AtomicInteger();
        try (MathThreads threads = new MathThreads(2)) {
            Thread.currentThread().interrupt();
            threads.run(Collections.nCopies(20, () -> {
                pause();
                done.incrementAndGet();
            }));
        }

        assertThat(Thread.interrupted()).as("still to be seen by the caller").isTrue();
        assertThat(done).hasValue(20);
    }

    @Test
    void shouldDoTheWorkInTheCallingThreadWhereItIsAlone() {
        List<Thread> seen = new ArrayList<>();

        try (MathThreads threads = new MathThreads(1)) {
            threads.run(List.of(() -> seen.add(Thread.currentThread()), () -> seen.add(Thread.currentThread())));
        }

        assertThat(seen).containsExactly(Thread.currentThread(), Thread.currentThread());
    }

    /** Long enough that pieces are still to be done when the first one fails. */
    private static void pause() {
        try {
            Thread.sleep(2);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
