package io.calibrant.scorer.serving;

import java.time.Duration;
import java.util.Collection;
import java.util.Map;

/**
 * Gives the records of its topics to a {@link Catalogue}, and fetches single ones again. Not thread-safe; confined to
 * one thread, but for {@link #wakeup}.
 */
interface CatalogueFeed extends AutoCloseable {
    /**
     * Reads up to the present end of all topics: what was committed before the call is in the catalogue after it.
     *
     * @return whether any of it concerns a served run
     */
    boolean catchUp();

    /**
     * Gives the catalogue what has arrived.
     *
     * @return whether any of it concerns a served run
     * @throws io.calibrant.schemas.registry.RegistryUnavailableException if a schema cannot be asked for: the record
     *     that needs it is read again
     */
    boolean poll(Duration timeout);

    /**
     * Values of single records.
     *
     * @return by position; a record that compaction has removed since, because a newer one of its key came, is absent
     * @throws org.apache.kafka.common.errors.TimeoutException if the broker does not answer
     */
    Map<RecordPosition, byte[]> fetch(Collection<RecordPosition> positions);

    /** Makes a waiting {@link #poll} or {@link #catchUp} throw a WakeupException; from any thread. */
    void wakeup();

    @Override
    void close();
}
