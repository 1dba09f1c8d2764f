package io.calibrant.infra.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OpenPagesTest {
    private static final Duration SOON = Duration.ofSeconds(10);

    private final OpenPages pages = new OpenPages(2, Duration.ofMillis(50));
    private final AtomicInteger ended = new AtomicInteger();
    private final AtomicInteger told = new AtomicInteger();

    @AfterEach
    void close() {
        pages.close();
    }

    /** A page that sends what never ends until its thread is interrupted, or waits between two sendings. */
    private void page(boolean sending) throws InterruptedException {
        CountDownLatch open = new CountDownLatch(1);
        Thread thread = new Thread(() -> {
            try (OpenPages.Page page = pages.open()) {
                open.countDown();
                if (sending) {
                    page.send(OpenPagesTest::block);
                } else {
                    try {
                        block();
                    } catch (IOException e) {
                        if (page.isCrowdedOut()) {
                            page.send(
                                    () -> told.addAndGet(Thread.currentThread().isInterrupted() ? 0 : page.most()));
                        }
                    }
                }
            } catch (IOException e) {
                // Dropped.
            }
            if (!Thread.currentThread().isInterrupted()) {
                ended.incrementAndGet();
            }
        });
        thread.setDaemon(true);
        thread.start();
        open.await();
    }

    private static void block() throws IOException {
        try {
            Thread.sleep(60_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    @Test
    void shouldDropAPageWhoseClientReadsNothing() throws InterruptedException {
        page(true);
        await().atMost(SOON).until(() -> ended.get() == 1);
        assertThat(pages.count()).isZero();
    }

    @Test
    void shouldKeepAPageThatWaitsForNews() throws InterruptedException {
        page(false);
        Thread.sleep(200);
        assertThat(ended).hasValue(0);
        assertThat(pages.count()).isEqualTo(1);
    }

    @Test
    void shouldLetANewPageTakeThePlaceOfTheOldest() throws InterruptedException {
        page(false);
        page(false);
        page(false);
        await().atMost(SOON).until(() -> ended.get() == 1);
        assertThat(pages.count()).isEqualTo(2);
        assertThat(told).hasValue(2); // it can still be sent something: nothing interrupts that
    }

    @Test
    void shouldDropAPageThatReadsNothingNorThatItHasToGo() throws InterruptedException {
        CountDownLatch open = new CountDownLatch(1);
        Thread stuck = new Thread(() -> {
            try (OpenPages.Page page = pages.open()) {
                open.countDown();
                try {
                    block();
                } catch (IOException e) {
                    page.send(OpenPagesTest::block);
                }
            } catch (IOException e) {
                ended.incrementAndGet();
            }
        });
        stuck.setDaemon(true);
        stuck.start();
        open.await();
        page(false);
        page(false);
        await().atMost(SOON).until(() -> ended.get() == 1);
    }
}
