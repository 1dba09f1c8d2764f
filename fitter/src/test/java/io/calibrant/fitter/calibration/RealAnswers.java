package io.calibrant.fitter.calibration;

import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.Safetensors;
import java.util.ArrayList;
import java.util.List;

/** The stored predictions of a real model: 500 labelled AGNews questions. */
final class RealAnswers {
    private RealAnswers() {}

    /** {@code mild} or {@code overfitted}. */
    static List<LabelledContrasts> of(String model) {
        Safetensors golden = Golden.tensors("real/agnews500_" + model + ".safetensors");
        double[][] mean = golden.matrix("contrast_mean");
        double[][][] covariance = golden.cube("contrast_covariance");
        int[] labels = golden.labels("labels");
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < mean.length; i++) {
            answers.add(new LabelledContrasts("q" + i, mean[i], covariance[i], labels[i]));
        }
        return answers;
    }
}
