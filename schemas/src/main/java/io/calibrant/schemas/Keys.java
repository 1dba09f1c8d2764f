package io.calibrant.schemas;

import java.util.regex.Pattern;

/**
 * Record keys: readable strings with '/' between the parts, so that they can be read in any Kafka console. Run,
 * checkpoint, block and fit names never contain '/'.
 */
public final class Keys {
    /** What a name may be, in words that follow "must be". */
    static final String NAME = "1 to 100 letters, digits, '.', '_' and '-'";

    private static final Pattern NAMES = Pattern.compile("[A-Za-z0-9._-]{1,100}");

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
     * Topic questions: {@code runId/questionId} for a question that names its run, with the id in the record; else the
     * question's id. Files of several runs that all count from 0 then do not replace each other.
     *
     * @param runId the run that the question names; null for none
     */
    public static String question(String runId, String questionId) {
        return runId == null ? questionId : runId + '/' + questionId;
    }

    /**
     * The name of a checkpoint of a run. Runs of one name, each deleted before the next, have no checkpoint in common:
     * what is left of an earlier one on topics and in stores is not taken for the later one's.
     *
     * @param generation how many runs of this name were deleted before
     * @param name as the trainer calls it, for example step-400
     */
    public static String checkpoint(int generation, String name) {
        return generation == 0 ? name : generationPrefix(generation) + name;
    }

    /** Whether a run can have a checkpoint of this name. */
    public static boolean isOfGeneration(int generation, String checkpoint) {
        return generation == 0 || checkpoint.startsWith(generationPrefix(generation));
    }

    private static String generationPrefix(int generation) {
        return "g" + generation + ".";
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
     * Checks a name in a record that becomes part of a key. Names in settings: {@link Require#name}.
     *
     * @param what the field of the record, for the message, for example {@code run}
     * @return the name
     * @throws IllegalArgumentException unless it is 1 to 100 of letters, digits, '.', '_' and '-'
     */
    public static String checkName(String what, String name) {
        if (!isName(name)) {
            throw new IllegalArgumentException(Require.message(what, name, NAME));
        }
        return name;
    }

    /** Whether a text can be the name of a run, a checkpoint, a block or a fit; null cannot. */
    static boolean isName(String name) {
        return name != null && NAMES.matcher(name).matches();
    }
}
