package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SendQueueTest {
    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final AtomicBoolean givenUp = new AtomicBoolean();
    private final CountDownLatch broker = new CountDownLatch(1);

    private SendQueue open(long capacity) {
        return open(capacity, Duration.ofSeconds(10));
    }

    private SendQueue open(long capacity, Duration lastPatience) {
        SendQueue.Receiver receiver = new SendQueue.Receiver() {
            @Override
            public String address() {
                return "b:1";
            }

            @Override
            public Optional<String> trouble() {
                return Optional.of("it is gone");
            }

            @Override
            public void giveUp() {
                givenUp.set(true);
                broker.countDown();
            }
        };
        return new SendQueue(
                capacity,
                receiver,
                stopping::get,
                line -> {
                    lines.add(line);
                    if (line.startsWith("waiting")) {
                        broker.countDown(); // it comes back once we have said that we wait
                    }
                },
                lastPatience);
    }

    @Test
    void shouldSendEverythingInItsOrder() {
        List<Integer> sent = new CopyOnWriteArrayList<>();
        List<Integer> expected = new ArrayList<>();
        try (SendQueue queue = open(10)) {
            for (int i = 0; i < 100; i++) {
                int number = i;
                expected.add(i);
                assertThat(queue.send(3, () -> sent.add(number))).isTrue();
            }
            assertThat(queue.flush()).isTrue();
            assertThat(sent).isEqualTo(expected);
        }
    }

    @Test
    void shouldNotMakeTheAskerWaitBeforeItIsFull() {
        try (SendQueue queue = open(10)) {
            queue.send(5, this::untilTheBrokerIsBack);
            queue.send(5, () -> {});

            assertThat(lines).isEmpty();
            broker.countDown();
        }
    }

    @Test
    void shouldSayThatItWaitsAndThatItGoesOnAndLoseNothing() {
        List<String> sent = new CopyOnWriteArrayList<>();
        try (SendQueue queue = open(10)) {
            queue.send(6, this::untilTheBrokerIsBack);
            queue.send(6, () -> sent.add("after"));
            queue.flush();
        }

        assertThat(sent).containsExactly("after");
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0))
                .startsWith("waiting: broker b:1")
                .contains("1 batches")
                .endsWith(": it is gone");
        assertThat(lines.get(1)).startsWith("going on: broker b:1 takes records again");
    }

    @Test
    void shouldTakeOneThatIsLargerThanItAllIfNothingWaits() {
        List<String> sent = new CopyOnWriteArrayList<>();
        try (SendQueue queue = open(10)) {
            queue.send(1000, () -> sent.add("large"));
            queue.send(1000, () -> sent.add("large too"));
        }
        assertThat(sent).hasSize(2);
    }

    @Test
    void shouldStopTheAskerWithWhatSendingHasFailedWith() {
        try (SendQueue queue = open(10)) {
            queue.send(1, () -> {
                throw new PublishingException("fenced", null);
            });

            assertThatThrownBy(queue::flush)
                    .isInstanceOf(PublishingException.class)
                    .hasMessage("fenced");
            assertThatThrownBy(() -> queue.send(1, () -> {})).hasMessage("fenced");
        }
        assertThat(lines).isEmpty();
    }

    @Test
    void shouldLetAnAskerGoThatIsStoppedAndSayWhatIsNotSent() {
        Duration patience = Duration.ofMillis(300);
        SendQueue queue = open(10, patience);
        CountDownLatch begun = new CountDownLatch(1);
        queue.send(10, () -> {
            begun.countDown();
            untilTheBrokerIsBack();
        });
        CompletableFuture<Boolean> asked = CompletableFuture.supplyAsync(() -> {
            await(begun);
            stopping.set(true);
            return queue.send(10, () -> {});
        });

        assertThat(asked.join()).isFalse();
        assertThat(queue.send(0, () -> {})).as("what comes after a gap").isFalse();
        long closing = System.nanoTime();
        queue.close();
        assertThat(Duration.ofNanos(System.nanoTime() - closing)).isGreaterThanOrEqualTo(patience);
        assertThat(givenUp).isTrue();
        assertThat(lines).last().asString().contains("1 batches").contains("are not sent");
    }

    private void untilTheBrokerIsBack() {
        await(broker);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
