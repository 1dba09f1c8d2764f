package io.calibrant.fitter.calibration;

import java.util.List;

/**
 * What a set of labelled answers decides. The members of a tier have weights that sum to 1; a tier without members
 * serves MAP.
 *
 * @param labels n, how many there are
 * @param temperature T of plain temperature scaling; 1 without labels
 * @param variance T and c of E softmax N(z / T, c Sigma); the modes of their priors, 1 and 0.1, without labels
 * @param all members where every question has the covariance of all blocks
 * @param forward members that need no covariance of the question
 * @param map temperature alone, once there are labels
 * @param crossFitted what each tier serves of these answers, by members that were fitted without the label
 */
public record CalibrationResult(
        int labels,
        double temperature,
        VarianceScaling variance,
        List<Member> all,
        List<Member> forward,
        List<Member> map,
        CrossFitted crossFitted) {
    public CalibrationResult {
        all = List.copyOf(all);
        forward = List.copyOf(forward);
        map = List.copyOf(map);
    }
}
