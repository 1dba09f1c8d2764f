package io.calibrant.fitter.selective;

/**
 * The thresholds that are tested, from the top: fine where confidences are high, with few digits, and fixed, because
 * the guarantee is that of a sequence that does not depend on the labelled answers. The last one is 0 and accepts all.
 */
final class ThresholdGrid {
    /** In ten thousandths: from, to (both there) and step, descending. */
    private static final int[][] PARTS = {{9999, 9990, 1}, {9980, 9900, 10}, {9850, 9000, 50}, {8900, 0, 100}};

    private static final double UNITS = 10_000;

    private static final double[] THRESHOLDS = thresholds();

    private ThresholdGrid() {}

    private static double[] thresholds() {
        java.util.stream.DoubleStream.Builder all = java.util.stream.DoubleStream.builder();
        for (int[] part : PARTS) {
            for (int each = part[0]; each >= part[1]; each -= part[2]) {
                all.add(each / UNITS);
            }
        }
        return all.build().toArray();
    }

    /** How many there are. */
    static int size() {
        return THRESHOLDS.length;
    }

    /** The j-th from the top. */
    static double at(int j) {
        return THRESHOLDS[j];
    }

    /** The first one from the top that is not above a value; the last one where all are. */
    static int firstAtMost(double value) {
        int first = 0;
        int last = THRESHOLDS.length - 1;
        while (first < last) {
            int middle = (first + last) / 2;
            if (THRESHOLDS[middle] <= value) {
                last = middle;
            } else {
                first = middle + 1;
            }
        }
        return first;
    }
}
