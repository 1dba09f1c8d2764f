package io.calibrant.fitter.service;

import java.time.Duration;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Measures how long ago the restoring of state last made progress: a large state takes long, but is not stuck. */
final class RestoreProgress implements StateRestoreListener {
    private volatile long moved = System.nanoTime();

    /** The time since the last progress. */
    Duration pause() {
        return Duration.ofNanos(System.nanoTime() - moved);
    }

    /** Restoring begins. */
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
