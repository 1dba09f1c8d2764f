package io.calibrant.fitter.service;

import io.calibrant.fitter.topology.StoredResults;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.common.KafkaException;

/**
 * What the stores said when they could be read last. Series that end with every rebalance would let an alert begin to
 * wait anew: while partitions move, what was known is known still. Not thread-safe.
 */
final class KnownResults {
    private static final StoredResults.Results NOTHING =
            new StoredResults.Results(Set.of(), List.of(), List.of(), List.of());

    private StoredResults.Results last = NOTHING;

    /**
     * Looks again.
     *
     * @param look throws where the stores cannot be read; null where nothing runs
     * @param alive whether something runs, or partitions are being assigned and restored; asked where the stores were
     *     not read, and by then they may be readable again
     * @return whether the stores were read
     */
    boolean look(Supplier<StoredResults.Results> look, BooleanSupplier alive) {
        if (look != null) {
            try {
                last = look.get();
                return true;
            } catch (KafkaException | IllegalStateException e) {
                // It has begun to move partitions, or to end.
            }
        }
        if (!alive.getAsBoolean()) {
            last = NOTHING;
        }
        return false;
    }

    /** What is known. */
    StoredResults.Results last() {
        return last;
    }
}
