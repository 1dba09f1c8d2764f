package io.calibrant.schemas;

/**
 * Record keys: readable strings with '/' between the parts, so that they can be read in any Kafka console. Run,
 * checkpoint, block and fit names never contain '/'.
 */
public final class Keys {
    private Keys() {}

    /** {@code runId/checkpoint/block}: topics statistics and adapters. */
    public static String block(String runId, String checkpoint, String block) {
        return runId + '/' + checkpoint + '/' + block;
    }

    /** {@code runId/checkpoint/block/fit}: topics factor-updates and factors. */
    public static String blockFit(String runId, String checkpoint, String block, String fit) {
        return runId + '/' + checkpoint + '/' + block + '/' + fit;
    }

    /** {@code runId/checkpoint/fit}: topic posteriors. */
    public static String fit(String runId, String checkpoint, String fit) {
        return runId + '/' + checkpoint + '/' + fit;
    }

    /** {@code runId/checkpoint/fit/window}: topic calibration. The window is {@code total}, or when it starts. */
    public static String calibration(String runId, String checkpoint, String fit, String window) {
        return fit(runId, checkpoint, fit) + '/' + window;
    }

    /**
     * The run of any key of this contract: what stands before the first '/', or the whole key.
     *
     * @param key a record key, not null
     */
    public static String runOf(String key) {
        int slash = key.indexOf('/');
        return slash < 0 ? key : key.substring(0, slash);
    }

    /**
     * Checks a name that becomes part of a key.
     *
     * @param what what the name names, for the message, for example {@code --run}
     * @return the name
     * @throws IllegalArgumentException unless it is 1 to 100 of letters, digits, '.', '_' and '-'
     */
    public static String checkName(String what, String name) {
        if (name == null || !name.matches("[A-Za-z0-9._-]{1,100}")) {
            throw new IllegalArgumentException(
                    what + ": '" + name + "' is not a name: accepted are 1 to 100 letters, digits, '.', '_' and '-'");
        }
        return name;
    }
}
