package io.calibrant.infra.watch;

import io.calibrant.infra.watch.FrameLine.Piece;
import io.calibrant.infra.watch.FrameLine.Tone;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.DoubleSummaryStatistics;
import java.util.List;

/** A loss curve of Braille dots, 2 x 4 of them in a character, with its largest and smallest value and its steps. */
final class LossCurve {
    private static final int BRAILLE = 0x2800;

    /** Bits of the dots of a character by row and column. */
    private static final int[][] DOTS = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

    /** Columns of the values in front of the curve, at least. */
    private static final int LABEL = 10;

    private LossCurve() {}

    /**
     * The curve with a line of steps below it. Neighbouring dots are connected from one column to the next.
     *
     * @param losses a curve
     * @param width columns, more than 20
     * @param height lines of dots, at least 2
     */
    static List<FrameLine> lines(Losses losses, int width, int height) {
        // The labels are of the means, and the means are of the columns that the labels leave.
        int label = LABEL;
        Curve curve = Curve.of(losses, 2 * (width - label - 1));
        while (curve.label() > label) {
            label = curve.label();
            curve = Curve.of(losses, 2 * (width - label - 1));
        }
        int columns = width - label - 1;
        int[][] cells = cells(curve, columns, height);
        List<FrameLine> lines = new ArrayList<>();
        for (int row = 0; row < height; row++) {
            StringBuilder dots = new StringBuilder();
            for (int cell : cells[row]) {
                dots.append(cell == 0 ? ' ' : (char) (BRAILLE + cell));
            }
            String value = row == 0 ? curve.top() : row == height - 1 ? curve.bottom() : "";
            lines.add(new FrameLine(List.of(
                    new Piece(padded(value, label), Tone.PLAIN),
                    new Piece(dots.toString().stripTrailing(), Tone.CURVE))));
        }
        String first = "step " + losses.points().get(0).step();
        String last =
                Long.toString(losses.points().get(losses.points().size() - 1).step());
        lines.add(FrameLine.of(
                padded("", label) + first + " ".repeat(Math.max(1, columns - first.length() - last.length())) + last,
                Tone.QUIET));
        return lines;
    }

    /** Means of equal stretches of the steps, NaN where there is none, and the largest and the smallest of them. */
    @SuppressWarnings("ArrayRecordComponent") // never leaves this class, compared by nobody
    private record Curve(double[] means, double most, double least) {
        static Curve of(Losses losses, int stretches) {
            double[] means = losses.means(Math.max(1, stretches));
            DoubleSummaryStatistics range =
                    Arrays.stream(means).filter(Double::isFinite).summaryStatistics();
            return new Curve(means, range.getMax(), range.getMin());
        }

        String top() {
            return "loss " + WatchView.number(most);
        }

        String bottom() {
            return WatchView.number(least);
        }

        /** Columns of the wider label. */
        int label() {
            return Math.max(top().length(), bottom().length());
        }

        /** Where a mean lies between the smallest, 0, and the largest, 1; all are the same: {@code same}. */
        double level(double mean, double same) {
            return most == least ? same : (mean - least) / (most - least);
        }
    }

    private static int[][] cells(Curve curve, int columns, int height) {
        double[] means = curve.means();
        int[][] cells = new int[height][columns];
        int levels = 4 * height;
        int before = -1;
        int beforeAt = -1;
        for (int x = 0; x < means.length; x++) {
            if (!Double.isNaN(means[x])) {
                int y = (int) Math.round((1 - curve.level(means[x], 0.5)) * (levels - 1));
                for (int at = beforeAt + 1; before >= 0 && at < x; at++) {
                    // Between two points that lie apart: on the way from one to the other.
                    dot(cells, at, before + (y - before) * (at - beforeAt) / (x - beforeAt));
                }
                int from = before < 0 || before == y ? y : before < y ? before + 1 : before - 1;
                for (int on = Math.min(from, y); on <= Math.max(from, y); on++) {
                    dot(cells, x, on);
                }
                before = y;
                beforeAt = x;
            }
        }
        return cells;
    }

    /** The curve in one line, of bars from the smallest to the largest value. */
    static FrameLine line(Losses losses, int width) {
        List<Losses.Point> points = losses.points();
        String first = "loss " + WatchView.number(points.get(0).loss()) + " ";
        String last = " " + WatchView.number(points.get(points.size() - 1).loss());
        Curve curve = Curve.of(losses, Math.min(60, width - first.length() - last.length()));
        StringBuilder bars = new StringBuilder();
        for (double mean : curve.means()) {
            bars.append(
                    Double.isNaN(mean)
                            ? ' '
                            : Sparkline.BARS.charAt(
                                    (int) Math.round(curve.level(mean, 0) * (Sparkline.BARS.length() - 1))));
        }
        return new FrameLine(List.of(
                new Piece(first, Tone.PLAIN), new Piece(bars.toString(), Tone.CURVE), new Piece(last, Tone.PLAIN)));
    }

    private static String padded(String label, int width) {
        return String.format("%" + width + "s ", label);
    }

    private static void dot(int[][] cells, int x, int y) {
        cells[y / 4][x / 2] |= DOTS[y % 4][x % 2];
    }
}
