package io.calibrant.fitter.service;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.Options;

/**
 * Keeps state small on disk. Every factor is written again with each commit, so that RocksDB's files hold the same keys
 * many times. Two of them are merged, and not four as by default: half the disk for a few more megabytes written.
 */
public final class CompactState implements RocksDBConfigSetter {
    private static final int FILES = 2;

    /** For Kafka Streams. */
    public CompactState() {}

    @Override
    public void setConfig(String storeName, Options options, Map<String, Object> configs) {
        options.setLevel0FileNumCompactionTrigger(FILES);
    }

    @Override
    public void close(String storeName, Options options) {
        // Nothing was opened.
    }
}
