package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class AutogradTest {
    /** The library takes a thread's number at its first product; until then it is that of whoever has set one last. */
    @Test
    void shouldKeepTheNumberOfAThreadThatHasMadeNoProductYetWhateverOthersSet() throws InterruptedException {
        int before = Autograd.mathThreads();
        CountDownLatch set = new CountDownLatch(1);
        CountDownLatch othersHaveSet = new CountDownLatch(1);
        AtomicInteger seen = new AtomicInteger();
        Thread thread = new Thread(() -> {
            Autograd.mathThreads(before + 1);
            set.countDown();
            try {
                othersHaveSet.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            seen.set(Autograd.mathThreads());
        });

        thread.start();
        set.await();
        Autograd.mathThreads(before);
        othersHaveSet.countDown();
        thread.join();

        assertThat(seen).hasValue(before + 1);
    }
}
