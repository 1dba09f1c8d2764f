package io.calibrant.fitter.calibration;

import java.util.List;
import java.util.Objects;

/**
 * Predictive statistics of one question and which class was right. The mean is not copied; treat it as read-only.
 *
 * @param questionId not null
 * @param mean contrast means y_c = z_c - z_C, C - 1 numbers
 * @param blocks one for each block, in the order of the prior's spectra
 * @param label index of the true class, 0 to C - 1; C - 1 is the reference class
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, never compared
public record LabelledStatistics(String questionId, double[] mean, List<BlockJacobian> blocks, int label) {
    public LabelledStatistics {
        Objects.requireNonNull(questionId, "questionId");
        blocks = List.copyOf(blocks);
    }
}
