package io.calibrant.fitter.service;

import java.time.Duration;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Hears of every piece of state that comes back from Kafka: a large one takes its time, and is not stuck. */
final class RestoreProgress implements StateRestoreListener {
    private volatile long moved = System.nanoTime();

    /** How long nothing has come. */
    Duration pause() {
        return Duration.ofNanos(System.nanoTime() - moved);
    }

    /** It begins. */
    void begin() {
        moved = System.nanoTime();
    }

    @Override
    public void onRestoreStart(TopicPartition changelog, String store, long from, long to) {
        moved = System.nanoTime();
    }

    @Override
    public void onBatchRestored(TopicPartition changelog, String store, long offset, long count) {
        moved = System.nanoTime();
    }

    @Override
    public void onRestoreEnd(TopicPartition changelog, String store, long count) {
        moved = System.nanoTime();
    }
}
