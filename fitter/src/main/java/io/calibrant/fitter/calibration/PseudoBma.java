package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Softmax;
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
        double[] weights = Softmax.of(members.stream()
                .mapToDouble(member -> member.logLikelihood() == null ? 0 : member.logLikelihood())
                .toArray());
        return IntStream.range(0, weights.length)
                .mapToObj(k -> members.get(k).withWeight(weights[k]))
                .toList();
    }
}
