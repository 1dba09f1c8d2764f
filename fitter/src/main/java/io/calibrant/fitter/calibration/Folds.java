package io.calibrant.fitter.calibration;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The parts of cross-validation: which questions are held out together. Questions are ranked by a hash of their id and
 * the ranks cut into parts of equal size, so that a question stays in its part, but for a few at the cuts, as labels
 * arrive; the order of arrival plays no role.
 */
final class Folds {
    private Folds() {}

    /**
     * The part of each question.
     *
     * @param ids distinct
     * @param folds number of parts; no more than there are questions are made
     * @return [ids], 0 to min(folds, ids) - 1; the sizes differ by 1 at most
     */
    static int[] of(List<String> ids, int folds) {
        int n = ids.size();
        int parts = Math.min(folds, n);
        long[] hashes = ids.stream().mapToLong(Folds::hash).toArray();
        Integer[] ranked = IntStream.range(0, n).boxed().toArray(Integer[]::new);
        Arrays.sort(ranked, Comparator.<Integer>comparingLong(i -> hashes[i]).thenComparing(ids::get));
        int[] fold = new int[n];
        for (int rank = 0; rank < n; rank++) {
            fold[ranked[rank]] = (int) ((long) rank * parts / n);
        }
        return fold;
    }

    /** FNV-1a over the characters, finished by SplitMix64's mixer: ids that differ in a last digit lie far apart. */
    private static long hash(String id) {
        long h = 0xCBF29CE484222325L;
        for (int i = 0; i < id.length(); i++) {
            h = (h ^ id.charAt(i)) * 0x100000001B3L;
        }
        h = (h ^ (h >>> 30)) * 0xBF58476D1CE4E5B9L;
        h = (h ^ (h >>> 27)) * 0x94D049BB133111EBL;
        return h ^ (h >>> 31);
    }
}
