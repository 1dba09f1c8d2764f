package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class StopSignalTest {
    private final StopSignal stop = new StopSignal();
    private final AtomicInteger woken = new AtomicInteger();

    @Test
    void shouldWakeWhoIsRegisteredBeforeAndAfterTheRequest() {
        stop.onRequest(woken::incrementAndGet);
        Runnable removed = stop.onRequest(() -> woken.addAndGet(100));
        stop.remove(removed);
        assertThat(stop.requested()).isFalse();
        stop.request();
        assertThat(stop.requested()).isTrue();
        assertThat(woken).hasValue(1);
        stop.onRequest(woken::incrementAndGet);
        assertThat(woken).hasValue(2);
    }

    @Test
    void shouldEndAWaitWithTheRequest() throws Exception {
        CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> stop.await(Duration.ofHours(1)));
        stop.request();
        waiting.get(30, TimeUnit.SECONDS);
        stop.await(Duration.ofHours(1));
    }
}
