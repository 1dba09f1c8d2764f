package io.calibrant.schemas;

import java.nio.file.Path;
import java.util.Optional;

/**
 * A setting whose value is not accepted. The message has one form for all settings and flags: {@code --threads must be
 * 1 to 64, got 0}. Where the value did not come from a flag, its origin follows: {@code --threads must be 1 to 64, got
 * 0 (from CALIBRANT_THREADS)}. Values of keys that name a secret are masked.
 *
 * <p>Most callers throw it through {@link Require}.
 */
public final class ConfigurationException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    private final String key;
    private final String value;
    private final String accepted;
    private final String origin;

    /**
     * A value from a flag, or from a source that the thrower does not know; see {@link #from}.
     *
     * @param key the flag or the key, as its user writes it, for example {@code --threads}
     * @param value what was given; null for nothing
     * @param accepted what is accepted, in words that follow "must be", for example {@code 1 to 64}
     */
    public ConfigurationException(String key, Object value, String accepted) {
        this(key, value, accepted, null);
    }

    /**
     * As {@link #ConfigurationException(String, Object, String)}, with the exception that refused the value.
     *
     * @param cause what went wrong with the value; null if nothing was thrown
     */
    public ConfigurationException(String key, Object value, String accepted, Throwable cause) {
        this(key, shown(key, value), accepted, null, cause);
    }

    private ConfigurationException(String key, String shown, String accepted, String origin, Throwable cause) {
        super(form(key, shown, accepted) + (origin == null ? "" : " (from " + origin + ")"), cause);
        this.key = key;
        this.value = shown;
        this.accepted = accepted;
        this.origin = origin;
    }

    /**
     * This exception, naming where the value came from.
     *
     * @param source an environment variable or a file; null if the value came from a flag
     */
    public ConfigurationException from(String source) {
        ConfigurationException named = new ConfigurationException(key, value, accepted, source, getCause());
        named.setStackTrace(getStackTrace());
        return named;
    }

    /** The flag or the key, as its user writes it. */
    public String key() {
        return key;
    }

    /** The value as it may be shown: text in quotes, {@code nothing} for null, secrets masked. */
    public String value() {
        return value;
    }

    /** What is accepted, in words that follow "must be". */
    public String accepted() {
        return accepted;
    }

    /** The environment variable or the file that the value came from; empty for a flag and where nobody said. */
    public Optional<String> origin() {
        return Optional.ofNullable(origin);
    }

    /** The one form of message for what is not configuration: {@code KEY must be ACCEPTED, got VALUE}, unmasked. */
    static String message(String key, Object value, String accepted) {
        return form(key, value == null ? "nothing" : quoted(value, text(value)), accepted);
    }

    private static String form(String key, String shown, String accepted) {
        return key + " must be " + accepted + ", got " + shown;
    }

    private static String shown(String key, Object value) {
        if (value == null) {
            return "nothing";
        }
        return quoted(value, Configuration.masked(key, text(value)));
    }

    private static String quoted(Object value, String text) {
        return value instanceof CharSequence || value instanceof Path ? "'" + text + "'" : text;
    }

    /** A value as its user writes it: whole numbers without {@code .0}. */
    static String text(Object value) {
        String text = value.toString();
        boolean real = value instanceof Double || value instanceof Float;
        return real && text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }
}
