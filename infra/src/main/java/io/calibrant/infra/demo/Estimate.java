package io.calibrant.infra.demo;

import java.time.Duration;

/**
 * What remains of the demo, from how fast the work done so far went. Work is counted in forward passes of one question:
 * a fine-tuning step costs a forward and about twice that backward, a question of the curvature pass or of scoring a
 * forward and a backward pass for each class but one.
 */
final class Estimate {
    private static final double FINE_TUNING = 3;
    private static final double CURVATURE = 6;
    private static final double SCORING = 5;

    private final double training;
    private final double curvature;
    private final double scoring;
    private double done;
    private long firstNanos;
    private double firstDone;

    /**
     * Before anything is done.
     *
     * @param steps of fine-tuning, of {@code batch} questions each
     * @param trainingQuestions questions of the curvature pass
     * @param testQuestions questions to answer
     */
    Estimate(long steps, int batch, int trainingQuestions, int testQuestions) {
        training = FINE_TUNING * steps * batch;
        curvature = CURVATURE * trainingQuestions;
        scoring = SCORING * testQuestions;
    }

    /** Sets the share of fine-tuning that is done, 0 to 1. */
    void fineTuned(double share) {
        reached(share * training);
    }

    /** Sets the share of the curvature pass that is done, 0 to 1. */
    void curved(double share) {
        reached(training + share * curvature);
    }

    /** Sets the share of answers that have come, 0 to 1. */
    void answered(double share) {
        reached(training + curvature + share * scoring);
    }

    private void reached(double work) {
        if (firstNanos == 0) {
            firstNanos = System.nanoTime();
            firstDone = work;
        }
        done = Math.max(done, work);
    }

    /** The remaining time; null while unknown. */
    Duration remaining() {
        return done <= firstDone ? null : remaining(System.nanoTime() - firstNanos);
    }

    /** What remains if the work since the first report took {@code nanos}. */
    Duration remaining(long nanos) {
        double all = training + curvature + scoring;
        return Duration.ofNanos((long) (nanos / (done - firstDone) * Math.max(0, all - done)));
    }

    /** Share of all work that is done, 0 to 1. */
    double share() {
        return done / (training + curvature + scoring);
    }
}
