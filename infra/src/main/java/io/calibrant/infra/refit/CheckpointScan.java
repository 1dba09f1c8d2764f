package io.calibrant.infra.refit;

import java.util.LinkedHashMap;
import java.util.Map;

/** The statistics of one checkpoint that are on the topic. Not thread-safe. */
final class CheckpointScan {
    final String checkpoint;
    final Map<String, BlockScan> blocks = new LinkedHashMap<>();

    /** Batches of the pass; null while it has no end, or nothing says. */
    Long expected;

    CheckpointScan(String checkpoint) {
        this.checkpoint = checkpoint;
    }

    BlockScan block(String name) {
        return blocks.computeIfAbsent(name, unknown -> new BlockScan());
    }

    /** One more than the last batch of the pass, so far as that is known. */
    long end() {
        return expected != null
                ? expected
                : blocks.values().stream().mapToLong(BlockScan::end).max().orElse(0);
    }
}
