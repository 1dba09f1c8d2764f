package io.calibrant.schemas;

import java.util.Collection;
import java.util.stream.Collectors;

/**
 * Checks of settings. Each does nothing where the value is accepted, and throws a {@link ConfigurationException} where
 * it is not. Keys are written as their user writes them, flags with {@code --}.
 *
 * <p>Records and questions are not configuration; their checks throw exceptions of their own with the text of
 * {@link #message}, so that all messages have one form.
 */
public final class Require {
    private Require() {}

    /**
     * A condition on a value.
     *
     * @param accepted what is accepted, in words that follow "must be", for example {@code i/N with i below N}
     * @throws ConfigurationException unless the condition holds
     */
    public static void that(boolean condition, String key, Object value, String accepted) {
        if (!condition) {
            throw new ConfigurationException(key, value, accepted);
        }
    }

    /**
     * A whole number within bounds, both included.
     *
     * @throws ConfigurationException unless {@code low <= value <= high}
     */
    public static void between(String key, long value, long low, long high) {
        that(low <= value && value <= high, key, value, low + " to " + high);
    }

    /**
     * A number within bounds, both included; NaN is refused.
     *
     * @throws ConfigurationException unless {@code low <= value <= high}
     */
    public static void between(String key, double value, double low, double high) {
        that(low <= value && value <= high, key, value, number(low) + " to " + number(high));
    }

    /**
     * A whole number with a lower bound.
     *
     * @throws ConfigurationException unless {@code value >= low}
     */
    public static void atLeast(String key, long value, long low) {
        that(value >= low, key, value, low + " or more");
    }

    /**
     * A finite number with a lower bound; NaN is refused.
     *
     * @throws ConfigurationException unless {@code low <= value < infinity}
     */
    public static void atLeast(String key, double value, double low) {
        that(value >= low && Double.isFinite(value), key, value, number(low) + " or more and finite");
    }

    /**
     * A finite number above a bound; NaN is refused.
     *
     * @throws ConfigurationException unless {@code low < value < infinity}
     */
    public static void above(String key, double value, double low) {
        that(value > low && Double.isFinite(value), key, value, "above " + number(low) + " and finite");
    }

    /**
     * One of several values, compared by {@code equals}; null is refused.
     *
     * @throws ConfigurationException unless the value is among the accepted ones
     */
    public static <T> void oneOf(String key, T value, Collection<? extends T> accepted) {
        that(value != null && accepted.contains(value), key, value, choice(accepted));
    }

    /**
     * A text with at least one character that is not white space; null is refused.
     *
     * @throws ConfigurationException if the text is blank
     */
    public static void notBlank(String key, String value) {
        that(value != null && !value.isBlank(), key, value, "a text that is not blank");
    }

    /**
     * The name of a run, a checkpoint or a fit; null is refused.
     *
     * @throws ConfigurationException unless the name is 1 to 100 letters, digits, '.', '_' and '-'
     */
    public static void name(String key, String name) {
        that(Keys.isName(name), key, name, Keys.NAME);
    }

    /**
     * The one form of message, {@code KEY must be ACCEPTED, got VALUE}, for what is not configuration.
     *
     * @param value what was found, null for nothing; texts are put in quotes
     */
    public static String message(String key, Object value, String accepted) {
        return ConfigurationException.message(key, value, accepted);
    }

    /** The values of a choice as a message lists them: {@code one of a, b, c}. */
    public static String choice(Collection<?> accepted) {
        return accepted.stream().map(String::valueOf).collect(Collectors.joining(", ", "one of ", ""));
    }

    private static String number(double value) {
        return ConfigurationException.text(value);
    }
}
