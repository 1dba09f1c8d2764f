package io.calibrant.infra.report;

import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.TargetAccuracy;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;

/** Thresholds in words. */
public final class AcceptanceWords {
    private AcceptanceWords() {}

    /** What may be accepted, a sentence; or why nothing may, and what would help. */
    public static String sentence(Acceptance found) {
        return switch (found.verdict()) {
            case GUARANTEED ->
                answers(found) + ": " + percent(found.target().accuracy()) + " right or better with "
                        + percent(found.target().confidence()) + " confidence, "
                        + percent(Math.round(100 * found.coverage()) / 100.0) + " of the questions";
            case TOO_FEW_LABELS ->
                "no threshold for " + percent(found.target().accuracy()) + " yet: " + found.labels() + " labels, about "
                        + rounded(found.labelsNeeded()) + " are needed";
            case OUT_OF_REACH ->
                "no threshold for " + percent(found.target().accuracy()) + ": at every one too many of "
                        + found.labels() + " labelled answers are wrong";
        };
    }

    /** The threshold alone, for a column of a table. */
    public static String cell(Acceptance found) {
        return switch (found.verdict()) {
            case GUARANTEED -> number(found.threshold());
            case TOO_FEW_LABELS -> rounded(found.labelsNeeded()) + " labels needed";
            case OUT_OF_REACH -> "none";
        };
    }

    /** A target: "95% right with 95% confidence". */
    public static String target(TargetAccuracy target) {
        return percent(target.accuracy()) + " right with " + percent(target.confidence()) + " confidence";
    }

    private static String answers(Acceptance found) {
        return found.threshold() == 0 ? "all answers" : "answers above " + number(found.threshold());
    }

    /** A share without its zero: .93. */
    static String number(double share) {
        String digits = BigDecimal.valueOf(share).stripTrailingZeros().toPlainString();
        return digits.startsWith("0.") ? digits.substring(1) : digits;
    }

    /** A share in percent, with the digits that it has. */
    static String percent(double share) {
        return BigDecimal.valueOf(share)
                        .movePointRight(2)
                        .setScale(3, RoundingMode.HALF_UP)
                        .stripTrailingZeros()
                        .toPlainString()
                + "%";
    }

    /** An estimate is not more exact than two digits. */
    private static String rounded(long labels) {
        return labels < 100
                ? Long.toString(labels)
                : String.format(
                        Locale.ROOT,
                        "%d",
                        new BigDecimal(labels)
                                .round(new java.math.MathContext(2, RoundingMode.CEILING))
                                .longValueExact());
    }
}
