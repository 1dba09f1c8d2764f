package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.PairedBootstrap;

/** What a difference to MAP means, by its interval. */
enum Direction {
    /** All of the interval is better than MAP. */
    BETTER("better", "✓"),
    /** All of the interval is worse than MAP. */
    WORSE("worse", "✗"),
    /** It may be chance. */
    UNKNOWN("", "");

    private final String word;
    private final String sign;

    Direction(String word, String sign) {
        this.word = word;
        this.sign = sign;
    }

    static Direction ofHigherIsBetter(PairedBootstrap.Interval difference) {
        return difference.isAboveZero() ? BETTER : difference.isBelowZero() ? WORSE : UNKNOWN;
    }

    static Direction ofLowerIsBetter(PairedBootstrap.Interval difference) {
        return difference.isBelowZero() ? BETTER : difference.isAboveZero() ? WORSE : UNKNOWN;
    }

    /** In a word; empty where it is not known. */
    String word() {
        return word;
    }

    /** In a character, so that it is not said by colour alone; empty where it is not known. */
    String sign() {
        return sign;
    }
}
