package io.calibrant.schemas.reading;

import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.util.function.Function;

/**
 * What reading one record came to.
 *
 * @param <V> the value
 */
public sealed interface ReadResult<V> {
    /**
     * It was read.
     *
     * @param value null for a tombstone
     */
    record Read<V>(V value) implements ReadResult<V> {
        private static final ReadResult<Void> NOTHING = new Read<>(null);
    }

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

    /** Of a handler that takes a record without decoding it, or passes over one that it does not want. */
    static ReadResult<Void> taken() {
        return Read.NOTHING;
    }

    /** The same of another value, where there is one. */
    default <W> ReadResult<W> map(Function<? super V, ? extends W> taking) {
        if (this instanceof Read<V> read) {
            return new Read<>(taking.apply(read.value()));
        }
        return this instanceof Bad<V> bad ? new Bad<>(bad.reason()) : new NotNow<>(((NotNow<V>) this).failure());
    }
}
