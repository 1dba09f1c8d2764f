package io.calibrant.fitter.selective;

/**
 * Which answers may be accepted, and what is known of those.
 *
 * @param target what they are to keep
 * @param labels n, labelled answers that it rests on
 * @param verdict whether there is a threshold, and if not, why
 * @param threshold least confidence of an accepted answer; NaN where there is none
 * @param accepted labelled answers above the threshold
 * @param wrong wrong ones among them
 * @param labelsNeeded about how many labelled answers it takes where these are too few; else 0
 */
public record Acceptance(
        TargetAccuracy target,
        int labels,
        Verdict verdict,
        double threshold,
        int accepted,
        int wrong,
        long labelsNeeded) {
    /** What the labels allow to say. */
    public enum Verdict {
        /** Above the threshold the target is kept. */
        GUARANTEED,
        /** More labels may give a threshold. */
        TOO_FEW_LABELS,
        /** Labels are enough to see that too many answers are wrong at every threshold. */
        OUT_OF_REACH
    }

    /** Whether an answer of this confidence may be accepted. */
    public boolean accepts(double confidence) {
        return verdict == Verdict.GUARANTEED && confidence >= threshold;
    }

    /** Share of the labelled answers that is accepted; 0 where nothing is. */
    public double coverage() {
        return labels == 0 ? 0 : (double) accepted / labels;
    }
}
