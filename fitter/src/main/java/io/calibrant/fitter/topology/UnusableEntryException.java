package io.calibrant.fitter.topology;

/**
 * An entry of a state store that made a computation fail. It has been deleted from the store; whoever catches this puts
 * it into the dead-letter topic.
 */
public final class UnusableEntryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient byte[] key;
    private final transient byte[] value;

    /**
     * An entry that was taken out.
     *
     * @param message one line for people
     * @param key of the entry, as its store has it
     * @param value of the entry, as its store has it; null for none
     * @param cause what it made fail
     */
    UnusableEntryException(String message, byte[] key, byte[] value, Throwable cause) {
        super(message, cause);
        this.key = key.clone();
        this.value = value == null ? null : value.clone();
    }

    /** Of the entry; a copy. */
    public byte[] key() {
        return key.clone();
    }

    /** Of the entry, or null; a copy. */
    public byte[] value() {
        return value == null ? null : value.clone();
    }
}
