package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Prediction;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.fitter.metrics.TemperatureScaling;
import java.util.Arrays;
import java.util.List;

/**
 * The average of the members' predictions for one question: p = sum_k w_k p_k (method.md section 5). Probabilities are
 * averaged, never logits.
 *
 * @param probabilities [C], the reference class last
 * @param entropy of the probabilities, nats
 * @param expectedEntropy weighted mean of the members', nats, at most the entropy
 */
@SuppressWarnings("ArrayRecordComponent") // handed on at once, compared by nobody
public record Mixture(double[] probabilities, double entropy, double expectedEntropy) {
    /** A member with less weight moves no probability by more; it is left out, the others share what it had. */
    private static final double LEAST_WEIGHT = 1e-7;

    /**
     * Averages.
     *
     * @param members at least one with a weight
     * @param mean contrasts z_c - z_C, [C - 1]; not modified
     * @param covariance Sigma [C - 1, C - 1], of no member with a variance of its own; not modified
     * @throws IllegalArgumentException if no member has a weight, or a Gaussian is not one
     */
    public static Mixture of(List<Member> members, Link link, double[] mean, double[][] covariance) {
        double[] sum = new double[mean.length + 1];
        double expected = 0;
        double weights = 0;
        for (Member member : members) {
            if (member.weight() > LEAST_WEIGHT) {
                expected += member.weight() * add(sum, member, link, mean, covariance);
                weights += member.weight();
            }
        }
        if (weights == 0) {
            throw new IllegalArgumentException("no member has a weight: " + members);
        }
        for (int c = 0; c < sum.length; c++) {
            sum[c] /= weights;
        }
        double entropy = Softmax.entropy(sum);
        return new Mixture(sum, entropy, Math.min(entropy, expected / weights));
    }

    /** Adds a member's weighted probabilities. @return its expected entropy */
    private static double add(double[] sum, Member member, Link link, double[] mean, double[][] covariance) {
        double[] p;
        double expected;
        if (member.scale() == 0) {
            p = TemperatureScaling.probabilities(Arrays.copyOf(mean, mean.length + 1), member.temperature());
            expected = Softmax.entropy(p);
        } else {
            double[][] sigma =
                    member.variance() == null ? covariance : LogitNoise.covariance(mean.length, member.variance());
            Prediction prediction = link.predict(mean, sigma, member.temperature(), member.scale());
            p = prediction.probabilities();
            expected = prediction.entropy() - prediction.mutualInformation();
        }
        for (int c = 0; c < p.length; c++) {
            sum[c] += member.weight() * p[c];
        }
        return expected;
    }
}
