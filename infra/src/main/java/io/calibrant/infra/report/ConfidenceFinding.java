package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.Reliability;
import io.calibrant.fitter.selective.BinomialTail;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A range of confidences in which a method is surer than it is right, or less sure, by more than chance.
 *
 * @param lower exclusive
 * @param upper inclusive
 * @param count questions in it
 * @param gap mean confidence minus the share of right answers: above 0 where the method is over-confident
 */
record ConfidenceFinding(double lower, double upper, int count, double gap) {
    /** Probability that anything is found in a method that is calibrated. */
    private static final double LEVEL = 0.05;

    private static final int MOST_DIGITS = 6;

    /**
     * What the table of one method shows: the range where it is most certainly miscalibrated, and, beside it, the range
     * where it is most certainly miscalibrated the other way. Ranges are all confidences, those above an edge of the
     * bins, and those below one.
     *
     * <p>Tested is whether so few or so many right answers are likely where each is right with its confidence. Their
     * number is a sum of unequal coins, whose tails are no heavier than those of the binomial distribution with the
     * same mean (Hoeffding 1956): the test is conservative. Half of the level is for all confidences together, the
     * other ranges share the rest. Strongest is the range whose answers are the least likely: the one with the largest
     * likelihood ratio of its share against its confidence.
     */
    static List<ConfidenceFinding> of(Reliability reliability) {
        List<Reliability.Bin> bins = reliability.bins();
        List<Tested> tested = new ArrayList<>();
        int others = Math.max(1, 2 * bins.size() - 2);
        int all = bins.stream().mapToInt(Reliability.Bin::count).sum();
        for (int i = 0; i < bins.size(); i++) {
            // A range that begins or ends with an empty bin is the same as a shorter one.
            if (bins.get(i).count() > 0) {
                add(tested, bins.subList(i, bins.size()), others, all);
            }
            if (i > 0 && bins.get(i - 1).count() > 0) {
                add(tested, bins.subList(0, i), others, all);
            }
        }
        List<ConfidenceFinding> findings = new ArrayList<>();
        Optional<ConfidenceFinding> first = strongest(tested);
        first.ifPresent(findings::add);
        first.flatMap(found -> strongest(tested.stream()
                        .filter(each -> each.finding.isApartFrom(found) && each.finding.gap * found.gap < 0)
                        .toList()))
                .ifPresent(findings::add);
        return List.copyOf(findings);
    }

    /** @param score log likelihood ratio */
    private record Tested(ConfidenceFinding finding, double score) {}

    private static void add(List<Tested> tested, List<Reliability.Bin> bins, int others, int all) {
        int count = 0;
        double confidence = 0;
        double right = 0;
        for (Reliability.Bin bin : bins) {
            count += bin.count();
            confidence += bin.count() * bin.confidence();
            right += bin.count() * bin.accuracy();
        }
        if (count == 0) {
            return;
        }
        double mean = Math.min(1, confidence / count);
        double gap = mean - right / count;
        int rights = (int) Math.round(right);
        double chance = gap > 0
                ? BinomialTail.atMost(rights, count, mean)
                : BinomialTail.atMost(count - rights, count, 1 - mean);
        double level = count == all ? LEVEL / 2 : LEVEL / 2 / others;
        if (chance < level / 2) {
            double lower = count == all ? 0 : bins.get(0).lower();
            double upper = count == all ? 1 : bins.get(bins.size() - 1).upper();
            tested.add(new Tested(new ConfidenceFinding(lower, upper, count, gap), ratio(right, count, mean)));
        }
    }

    /** log of p^right (1 - p)^wrong at the share itself over that at the mean confidence. */
    private static double ratio(double right, int count, double mean) {
        return term(right, right / count / mean) + term(count - right, (1 - right / count) / (1 - mean));
    }

    private static double term(double count, double ratio) {
        return count <= 0 ? 0 : count * Math.log(ratio);
    }

    private static Optional<ConfidenceFinding> strongest(List<Tested> tested) {
        return tested.stream().max(Comparator.comparingDouble(Tested::score)).map(Tested::finding);
    }

    private boolean isApartFrom(ConfidenceFinding other) {
        return upper <= other.lower || lower >= other.upper;
    }

    /** In words: over-confident by .12 above 80%. */
    String words() {
        String where = lower == 0 && upper == 1
                ? ""
                : lower == 0 ? " below " + Math.round(100 * upper) + "%" : " above " + Math.round(100 * lower) + "%";
        return (gap > 0 ? "over-confident" : "under-confident") + " by " + digits(Math.abs(gap)) + where;
    }

    /** All findings of a method in words, or that there is none. */
    static String words(List<ConfidenceFinding> findings, int questions) {
        return findings.isEmpty()
                ? "off by no more than chance in " + questions + (questions == 1 ? " question" : " questions")
                : String.join(
                        ", ", findings.stream().map(ConfidenceFinding::words).toList());
    }

    /**
     * Two digits behind the point, without the zero before it; as many as it takes where those are zeros: of many
     * questions a small gap is certain, too.
     *
     * @param share at least 0
     */
    static String digits(double share) {
        String digits = String.format(Locale.ROOT, "%.2f", share);
        for (int places = 3; share > 0 && digits.matches("0\\.0*") && places <= MOST_DIGITS; places++) {
            digits = String.format(Locale.ROOT, "%." + places + "f", share);
        }
        return digits.startsWith("0.") ? digits.substring(1) : digits;
    }
}
