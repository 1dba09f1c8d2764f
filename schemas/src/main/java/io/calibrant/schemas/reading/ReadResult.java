package io.calibrant.schemas.reading;

import io.calibrant.schemas.registry.RegistryUnavailableException;

/**
 * What reading one record came to.
 *
 * @param <V> the value
 */
public sealed interface ReadResult<V> {
    /** Of a handler that takes a record without decoding it, or passes over one that it does not want. */
    ReadResult<Void> TAKEN = new Read<>(null);

    /**
     * It was read.
     *
     * @param value null for a tombstone
     */
    record Read<V>(V value) implements ReadResult<V> {}

    /**
     * No retry will make it readable.
     *
     * @param reason for people
     */
    record Bad<V>(String reason) implements ReadResult<V> {}

    /**
     * Its schema cannot be asked for at present: the record may be good, and is to be given again.
     *
     * @param failure its message names the registry's address
     */
    record NotNow<V>(RegistryUnavailableException failure) implements ReadResult<V> {}
}
