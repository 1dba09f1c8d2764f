package io.calibrant.trainer.model;

import java.util.Arrays;
import java.util.List;

/**
 * A batch of token sequences on the host, padded to one length on either side.
 *
 * <p>Padding never changes a logit or a gradient: keys at padding positions are masked, and rotary positions are
 * relative, so it does not matter that positions run 0 to T - 1 over the padding too. Where a position or a length does
 * matter, it is counted from the first real token.
 */
public final class TokenBatch {

    private final int tokens;
    private final long[] ids;
    private final boolean[] real;

    private TokenBatch(int tokens, long[] ids, boolean[] real) {
        this.tokens = tokens;
        this.ids = ids;
        this.real = real;
    }

    /**
     * Pads on the left with {@code padding} to the longest sequence.
     *
     * @throws IllegalArgumentException if there is no sequence, or an empty one
     */
    public static TokenBatch leftPadded(List<long[]> sequences, long padding) {
        int longest = sequences.stream().mapToInt(s -> s.length).max().orElse(0);
        long[][] ids = new long[sequences.size()][longest];
        boolean[][] real = new boolean[sequences.size()][longest];
        for (int b = 0; b < ids.length; b++) {
            long[] sequence = sequences.get(b);
            int pad = longest - sequence.length;
            Arrays.fill(ids[b], 0, pad, padding);
            System.arraycopy(sequence, 0, ids[b], pad, sequence.length);
            Arrays.fill(real[b], pad, longest, true);
        }
        return of(ids, real);
    }

    /**
     * A batch that is padded already.
     *
     * @param ids [B, T]
     * @param real [B, T], false at padding; the real tokens of a sequence are contiguous
     * @throws IllegalArgumentException if shapes differ, a sequence has no real token, or padding lies within it
     */
    public static TokenBatch of(long[][] ids, boolean[][] real) {
        if (ids.length == 0 || ids.length != real.length) {
            throw new IllegalArgumentException("batch of " + ids.length + " sequences with " + real.length + " masks");
        }
        int tokens = ids[0].length;
        long[] flatIds = new long[ids.length * tokens];
        boolean[] flatReal = new boolean[ids.length * tokens];
        for (int b = 0; b < ids.length; b++) {
            if (ids[b].length != tokens || real[b].length != tokens) {
                throw new IllegalArgumentException("sequence " + b + " has " + ids[b].length + " tokens and a mask of "
                        + real[b].length + ", the batch has " + tokens);
            }
            int runs = 0;
            for (int t = 0; t < tokens; t++) {
                runs += real[b][t] && (t == 0 || !real[b][t - 1]) ? 1 : 0;
            }
            if (runs != 1) {
                throw new IllegalArgumentException(
                        "sequence " + b + (runs == 0 ? " has no token" : " has padding between its tokens"));
            }
            System.arraycopy(ids[b], 0, flatIds, b * tokens, tokens);
            System.arraycopy(real[b], 0, flatReal, b * tokens, tokens);
        }
        return new TokenBatch(tokens, flatIds, flatReal);
    }

    /** B. */
    public int size() {
        return ids.length / tokens;
    }

    /** T, padding included. */
    public int tokens() {
        return tokens;
    }

    /** Whether token {@code t} of sequence {@code b} is not padding. */
    public boolean isReal(int b, int t) {
        return real[b * tokens + t];
    }

    /** Real tokens of all sequences. */
    public int realTokens() {
        int count = 0;
        for (boolean r : real) {
            count += r ? 1 : 0;
        }
        return count;
    }

    /** Position of the first real token of sequence {@code b}. */
    public int first(int b) {
        int t = 0;
        while (!isReal(b, t)) {
            t++;
        }
        return t;
    }

    /** Position of the last real token of sequence {@code b}. */
    public int last(int b) {
        int t = tokens - 1;
        while (!isReal(b, t)) {
            t--;
        }
        return t;
    }

    /** A copy of the ids, row-major [B T]. */
    public long[] ids() {
        return ids.clone();
    }

    /** Row numbers b T + t of the last real tokens, [B]. */
    public long[] lastRows() {
        long[] rows = new long[size()];
        for (int b = 0; b < rows.length; b++) {
            rows[b] = (long) b * tokens + last(b);
        }
        return rows;
    }
}
