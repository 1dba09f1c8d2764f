package io.calibrant.fitter.calibration;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Pseudo-BMA weights (Yao, Vehtari, Simpson, Gelman 2018): proportional to the likelihood of labels that a member has
 * not seen.
 */
final class PseudoBma {
    private PseudoBma() {}

    /**
     * The members with their weights, which sum to 1; equal weights without labels.
     *
     * @param members with their cross-validated log likelihoods, on the same labels
     */
    static List<Member> weighted(List<Member> members) {
        double[] weights = members.stream()
                .mapToDouble(member -> member.logLikelihood() == null ? 0 : member.logLikelihood())
                .toArray();
        double top = Double.NEGATIVE_INFINITY;
        for (double each : weights) {
            top = Math.max(top, each);
        }
        double sum = 0;
        for (int k = 0; k < weights.length; k++) {
            weights[k] = Math.exp(weights[k] - top);
            sum += weights[k];
        }
        double total = sum;
        return IntStream.range(0, weights.length)
                .mapToObj(k -> members.get(k).withWeight(weights[k] / total))
                .toList();
    }
}
