package io.calibrant.infra.watch;

import java.util.List;

/** A few numbers as small bars. */
final class Sparkline {
    static final String BARS = "▁▂▃▄▅▆▇█";
    /** The lowest bar stands for this share of the largest number, and for less. */
    private static final double DECADES = 4;

    private Sparkline() {}

    /**
     * Bars of equal steps of the logarithm, over four decades below the largest; more numbers than columns are put
     * together, the largest of each column counts.
     *
     * @param values at least 0; a zero is a blank
     * @param width columns at most
     */
    static String of(List<Double> values, int width) {
        double largest = values.stream().mapToDouble(Double::doubleValue).max().orElse(0);
        int columns = Math.min(width, values.size());
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < columns; i++) {
            int from = (int) ((long) i * values.size() / columns);
            int to = (int) ((i + 1L) * values.size() / columns);
            double value = values.subList(from, to).stream()
                    .mapToDouble(Double::doubleValue)
                    .max()
                    .orElse(0);
            text.append(bar(value, largest));
        }
        return text.toString();
    }

    private static char bar(double value, double largest) {
        if (!(value > 0)) {
            return ' ';
        }
        double share = 1 + Math.log10(value / largest) / DECADES;
        return BARS.charAt((int) Math.max(0, Math.min(BARS.length() - 1, Math.round(share * (BARS.length() - 1)))));
    }
}
