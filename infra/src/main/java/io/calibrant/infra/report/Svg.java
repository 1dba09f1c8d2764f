package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.Reliability;
import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.AccuracyCoverage;
import java.util.List;
import java.util.Locale;

/** The report's diagrams. Colours come from the page's style sheet, so that they follow light and dark. */
final class Svg {
    private static final double LEFT = 34;
    private static final double SIDE = 240;
    private static final double TOP = 8;
    private static final double COUNTS = 46;
    private static final double GAP = 30;

    /** Most points of an accuracy-coverage curve. */
    private static final int POINTS = 120;

    private Svg() {}

    /**
     * Accuracy against confidence, a bar a bin, with the gap to perfect calibration hatched, and below it how many
     * questions lie in each bin.
     *
     * @param style CSS class that carries the method's colour
     */
    static String reliability(String style, String title, Reliability reliability) {
        int most = Math.max(
                1,
                reliability.bins().stream()
                        .mapToInt(Reliability.Bin::count)
                        .max()
                        .orElse(1));
        double floor = TOP + SIDE + GAP + COUNTS;
        StringBuilder svg = open(style, LEFT + SIDE + 16, floor + 32, "Reliability diagram of " + title);
        grid(svg);
        for (Reliability.Bin bin : reliability.bins()) {
            if (bin.count() == 0) {
                continue;
            }
            double x = LEFT + bin.lower() * SIDE;
            double width = (bin.upper() - bin.lower()) * SIDE;
            double gap = Math.abs(bin.accuracy() - bin.confidence()) * SIDE;
            double top = TOP + (1 - Math.max(bin.accuracy(), bin.confidence())) * SIDE;
            String tip = format(
                    "confidence %.2f to %.2f: %d questions, mean confidence %.3f, right %.3f",
                    bin.lower(), bin.upper(), bin.count(), bin.confidence(), bin.accuracy());
            svg.append("<g><title>").append(tip).append("</title>");
            double height = bin.accuracy() * SIDE;
            rectangle(svg, "bar", x + 1, TOP + SIDE - height, width - 2, height);
            rectangle(svg, "gap", x + 1, top, width - 2, gap);
            double tall = COUNTS * bin.count() / most;
            rectangle(svg, "count", x + 1, floor - tall, width - 2, tall);
            text(svg, "tiny", x + width / 2, floor - tall - 2, "middle", Integer.toString(bin.count()));
            svg.append("</g>");
        }
        svg.append(format(
                "<line class='ideal' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", LEFT, TOP + SIDE, LEFT + SIDE, TOP));
        svg.append(format(
                "<line class='axis' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", LEFT, floor, LEFT + SIDE, floor));
        text(svg, "label", LEFT + SIDE / 2, floor + 26, "middle", "confidence");
        for (int tick = 0; tick <= 4; tick++) {
            text(svg, "tick", LEFT + tick * SIDE / 4, floor + 12, "middle", format("%.2f", tick / 4.0));
        }
        return svg.append("</svg>").toString();
    }

    /**
     * How many questions each method answers with which confidence: one step line a method.
     *
     * @param tables reliability tables of equal bins, one a method
     */
    static String confidences(List<Method> methods, List<Reliability> tables) {
        double width = 480;
        double height = 130;
        double left = 40;
        int largest = Math.max(
                1,
                tables.stream()
                        .flatMap(table -> table.bins().stream())
                        .mapToInt(Reliability.Bin::count)
                        .max()
                        .orElse(1));
        int most = 4 * ((largest + 3) / 4); // four ticks on whole numbers
        StringBuilder svg = open("histogram", left + width + 16, TOP + height + 36, "Histogram of the confidence");
        for (int tick = 0; tick <= 4; tick++) {
            double y = TOP + height * (4 - tick) / 4;
            svg.append(
                    format("<line class='grid' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", left, y, left + width, y));
            text(svg, "tick", left - 5, y + 3, "end", Integer.toString(most / 4 * tick));
            text(svg, "tick", left + width * tick / 4, TOP + height + 14, "middle", format("%.2f", tick / 4.0));
        }
        for (int m = 0; m < methods.size(); m++) {
            StringBuilder path = new StringBuilder(format("M%.1f %.1f", left, TOP + height));
            for (Reliability.Bin bin : tables.get(m).bins()) {
                double y = TOP + height * (1 - (double) bin.count() / most);
                path.append(format("V%.1fH%.1f", y, left + bin.upper() * width));
            }
            path.append(format("V%.1f", TOP + height));
            svg.append("<path class='area ")
                    .append(methods.get(m).key())
                    .append("' d='")
                    .append(path)
                    .append("Z'/><path class='step ")
                    .append(methods.get(m).key())
                    .append("' d='")
                    .append(path)
                    .append("'/>");
        }
        text(svg, "label", left + width / 2, TOP + height + 30, "middle", "confidence of the answer");
        return svg.append("</svg>").toString();
    }

    /**
     * Accuracy against coverage, a line a method, with the band of one of them and a mark at each threshold that is
     * guaranteed.
     *
     * @param curves one a method, each of at least one answer
     * @param banded the method whose band and thresholds are drawn
     */
    static String curves(
            List<Method> methods, List<AccuracyCoverage> curves, Method banded, List<Acceptance> acceptances) {
        double width = 420;
        double height = 240;
        List<List<AccuracyCoverage.Point>> points =
                curves.stream().map(curve -> curve.points(POINTS)).toList();
        // Single wrong answers at the left end would take most of the height: what is below the floor lies on it.
        double least = curves.stream()
                .mapToDouble(curve -> Math.min(curve.accuracy(0.1), curve.accuracy(1)))
                .min()
                .orElse(0);
        double floor = Math.max(0, Math.floor(10 * least - 1) / 10);
        StringBuilder svg = open("curves", LEFT + width + 16, TOP + height + 36, "Accuracy-coverage curve");
        for (int tick = 0; tick <= 4; tick++) {
            double y = TOP + height * (4 - tick) / 4;
            svg.append(
                    format("<line class='grid' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", LEFT, y, LEFT + width, y));
            text(svg, "tick", LEFT - 5, y + 3, "end", format("%.3f", floor + (1 - floor) * tick / 4));
            text(svg, "tick", LEFT + width * tick / 4, TOP + height + 14, "middle", 25 * tick + "%");
        }
        for (int m = 0; m < methods.size(); m++) {
            StringBuilder line = new StringBuilder();
            StringBuilder upper = new StringBuilder();
            StringBuilder lower = new StringBuilder();
            for (AccuracyCoverage.Point point : points.get(m)) {
                String start = line.isEmpty() ? "M" : "L";
                double x = LEFT + point.coverage() * width;
                line.append(format("%s%.1f %.1f", start, x, y(point.accuracy(), floor, height)));
                upper.append(format("%s%.1f %.1f", start, x, y(point.upper(), floor, height)));
                lower.insert(0, format("L%.1f %.1f", x, y(point.lower(), floor, height)));
            }
            String key = methods.get(m).key();
            if (methods.get(m) == banded) {
                svg.append(format("<path class='band %s' d='%s%sZ'/>", key, upper, lower));
            }
            svg.append(format("<path class='step %s' d='%s'/>", key, line));
        }
        AccuracyCoverage served = curves.get(methods.indexOf(banded));
        for (Acceptance found : acceptances) {
            if (found.verdict() == Acceptance.Verdict.GUARANTEED) {
                svg.append(format(
                        "<circle class='mark %s' cx='%.1f' cy='%.1f' r='5'><title>%s</title></circle>",
                        banded.key(),
                        LEFT + found.coverage() * width,
                        y(served.accuracy(found.coverage()), floor, height),
                        AcceptanceWords.sentence(found)));
            }
        }
        text(svg, "label", LEFT + width / 2, TOP + height + 30, "middle", "coverage: share of the questions answered");
        return svg.append("</svg>").toString();
    }

    private static double y(double accuracy, double floor, double height) {
        return TOP + height * (1 - (Math.max(accuracy, floor) - floor) / (1 - floor));
    }

    private static void grid(StringBuilder svg) {
        for (int tick = 0; tick <= 4; tick++) {
            double y = TOP + SIDE * (4 - tick) / 4;
            svg.append(format("<line class='grid' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", LEFT, y, LEFT + SIDE, y));
            text(svg, "tick", LEFT - 5, y + 3, "end", format("%.2f", tick / 4.0));
        }
    }

    private static StringBuilder open(String style, double width, double height, String title) {
        return new StringBuilder(format(
                "<svg class='%s' viewBox='0 0 %.0f %.0f' role='img' aria-label='%s'>", style, width, height, title));
    }

    private static void rectangle(StringBuilder svg, String style, double x, double y, double width, double height) {
        svg.append(format(
                "<rect class='%s' x='%.1f' y='%.1f' width='%.1f' height='%.1f'/>",
                style, x, y, width, Math.max(0, height)));
    }

    private static void text(StringBuilder svg, String style, double x, double y, String anchor, String text) {
        svg.append(format("<text class='%s' x='%.1f' y='%.1f' text-anchor='%s'>%s</text>", style, x, y, anchor, text));
    }

    private static String format(String format, Object... arguments) {
        return String.format(Locale.ROOT, format, arguments);
    }
}
