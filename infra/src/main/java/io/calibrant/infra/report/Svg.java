package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.Reliability;
import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.AccuracyCoverage;
import io.calibrant.fitter.selective.BinomialTail;
import java.util.List;
import java.util.Locale;

/** The report's diagrams. Colours come from the page's style sheet, so that they follow light and dark. */
final class Svg {
    private static final double LEFT = 34;
    private static final double SIDE = 240;
    private static final double TOP = 8;
    private static final double COUNTS = 46;
    private static final double GAP = 30;
    private static final double STRIPE = 4;

    /** A bin of fewer questions says little, and is drawn pale. */
    static final int FEW = 10;

    /** Most points of an accuracy-coverage curve. */
    private static final int POINTS = 120;

    private Svg() {}

    /**
     * Accuracy against confidence, a bar a bin, with the exact interval of its accuracy, and below it how many
     * questions lie in each bin. A bar is solid up to the smaller of both; what is claimed beyond what is right is
     * pale, what is right beyond what is claimed is striped. A bin of few questions is paler than the others.
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
            if (bin.count() > 0) {
                bar(svg, bin);
                double x = LEFT + bin.lower() * SIDE;
                double width = (bin.upper() - bin.lower()) * SIDE;
                double tall = COUNTS * bin.count() / most;
                rectangle(svg, "count", x + 1, floor - tall, width - 2, tall);
                text(svg, "tiny", x + width / 2, floor - tall - 2, "middle", Integer.toString(bin.count()));
                svg.append("</g>");
            }
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

    /** Opens the group of a bin, and draws its bar. */
    private static void bar(StringBuilder svg, Reliability.Bin bin) {
        double[] interval = interval(bin.accuracy(), bin.count());
        String gap = gap(bin, interval);
        svg.append(bin.count() < FEW ? "<g class='few'><title>" : "<g><title>")
                .append(format(
                        "confidence %.2f to %.2f: %d questions, mean confidence %.3f, right %.3f [%.3f, %.3f]%s",
                        bin.lower(),
                        bin.upper(),
                        bin.count(),
                        bin.confidence(),
                        bin.accuracy(),
                        interval[0],
                        interval[1],
                        gap.isEmpty() ? "" : ", " + gap + "-confident"))
                .append("</title>");
        double x = LEFT + bin.lower() * SIDE + 1;
        double width = (bin.upper() - bin.lower()) * SIDE - 2;
        double least = Math.min(bin.accuracy(), bin.confidence());
        rectangle(svg, "bar", x, height(least), width, least * SIDE);
        if (bin.confidence() > bin.accuracy()) {
            rectangle(svg, "over", x, height(bin.confidence()), width, height(least) - height(bin.confidence()));
        } else {
            rectangle(svg, "under", x, height(bin.accuracy()), width, height(least) - height(bin.accuracy()));
            StringBuilder stripes = new StringBuilder();
            for (double y = height(bin.accuracy()) + 2; y < height(least); y += STRIPE) {
                stripes.append(format("M%.1f %.1fh%.1f", x, y, width));
            }
            if (!stripes.isEmpty()) {
                svg.append("<path class='stripes' d='").append(stripes).append("'/>");
            }
        }
        double middle = x + width / 2;
        String whisker = format(
                "M%.1f %.1fV%.1fM%.1f %.1fh6M%.1f %.1fh6",
                middle,
                height(interval[0]),
                height(interval[1]),
                middle - 3,
                height(interval[0]),
                middle - 3,
                height(interval[1]));
        svg.append("<path class='halo' d='")
                .append(whisker)
                .append("'/><path class='whisker' d='")
                .append(whisker)
                .append("'/>");
    }

    /** The exact 95% interval of a share of so many questions, at least one. */
    static double[] interval(double share, int questions) {
        return BinomialTail.accuracy(
                questions - (int) Math.round(share * questions), questions, AccuracyCoverage.LEVEL);
    }

    /** {@code over} or {@code under}, where the mean confidence of a bin lies outside of its interval; else empty. */
    static String gap(Reliability.Bin bin, double[] interval) {
        return bin.confidence() > interval[1] ? "over" : bin.confidence() < interval[0] ? "under" : "";
    }

    private static double height(double share) {
        return TOP + (1 - share) * SIDE;
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
