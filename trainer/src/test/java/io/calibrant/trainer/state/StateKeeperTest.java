package io.calibrant.trainer.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.finetuning.FineTuningState;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.statistics.SendQueue;
import io.calibrant.trainer.statistics.StandaloneSendQueue;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A state that is there says that all before it is on the topics, so it must never be there first. */
@Timeout(60)
class StateKeeperTest {
    @TempDir
    private Path directory;

    private Adapter adapter;
    private StateFile file;

    @BeforeEach
    void prepare() throws IOException {
        try (TinyRun run = new TinyRun(directory.resolve("model"), 0, 2)) {
            adapter = run.model().weights().snapshot();
        }
        file = new StateFile(directory.resolve("states").resolve("r.safetensors"), Map.of("run", "r"));
        file.prepare();
    }

    @Test
    void shouldWriteAStateOnceWhatWasSentBeforeItIsCommitted() {
        CountDownLatch committing = new CountDownLatch(1);
        try (SendQueue queue = StandaloneSendQueue.open()) {
            queue.send(1, () -> untilOpen(committing));
            keep(queue, 7);
            assertThat(file.read(adapter)).isEmpty();

            committing.countDown();
            assertThat(queue.flush()).isTrue();
            assertThat(file.read(adapter).orElseThrow().tuning().step()).isEqualTo(7);
        }
    }

    @Test
    void shouldWriteNoStateWhereWhatWasSentBeforeItHasFailed() {
        CountDownLatch failing = new CountDownLatch(1);
        try (SendQueue queue = StandaloneSendQueue.open()) {
            queue.send(1, () -> {
                untilOpen(failing);
                throw new IllegalStateException("not committed");
            });
            keep(queue, 7);
            failing.countDown();
            assertThatThrownBy(queue::flush).hasMessage("not committed");
        }
        assertThat(file.read(adapter)).isEmpty();
    }

    private void keep(SendQueue queue, int step) {
        StateKeeper keeper = new StateKeeper(Optional.of(file), Duration.ZERO, queue, () -> false);
        keeper.keep(new FineTuningState(step, adapter, List.of(), List.of()), PassProgress.NONE, true);
    }

    private static void untilOpen(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
