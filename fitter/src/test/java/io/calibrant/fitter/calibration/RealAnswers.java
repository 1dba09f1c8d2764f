package io.calibrant.fitter.calibration;

import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.Safetensors;
import java.util.ArrayList;
import java.util.List;

/** The stored predictions of real models: 500 labelled AGNews questions, mild and over-fitted, and 600 of SST2. */
final class RealAnswers {
    private RealAnswers() {}

    /** {@code mild}, {@code overfitted} or {@code sst2}. */
    static List<LabelledContrasts> of(String model) {
        Safetensors golden = Golden.tensors("real/" + file(model) + ".safetensors");
        double[][] mean = golden.matrix("contrast_mean");
        double[][][] covariance = golden.cube("contrast_covariance");
        int[] labels = golden.labels("labels");
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < mean.length; i++) {
            answers.add(new LabelledContrasts("q" + i, mean[i], covariance[i], labels[i]));
        }
        return answers;
    }

    /** The name of a model's files, without what follows it. */
    static String file(String model) {
        return "sst2".equals(model) ? "sst2_600" : "agnews500_" + model;
    }

    /** v over all answers. */
    static double noise(List<LabelledContrasts> answers) {
        return LogitNoise.median(answers.stream()
                        .mapToDouble(answer -> LogitNoise.variance(answer.covariance()))
                        .toArray())
                .orElseThrow();
    }
}
