package io.calibrant.fitter.topology;

import io.calibrant.fitter.link.Softmax;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Made-up answers of run {@link Pass#RUN} with four choices. */
final class Answers {
    static final List<String> LABELS = List.of("A", "B", "C", "D");

    static {
        TrustedRecords.trust();
    }

    private Answers() {}

    static Answer of(String questionId, long seed) {
        return of(Pass.RUN, questionId, seed);
    }

    static Answer of(String run, String questionId, long seed) {
        Random random = new Random(seed);
        double[] y = new double[3];
        Arrays.setAll(y, i -> 2 * random.nextGaussian());
        List<List<Double>> covariance = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            List<Double> row = new ArrayList<>();
            for (int j = 0; j < 3; j++) {
                row.add(i == j ? 1.5 : 0.5);
            }
            covariance.add(row);
        }
        return Answer.newBuilder()
                .setQuestionId(questionId)
                .setRunId(run)
                .setCheckpoint(Pass.CHECKPOINT)
                .setFit("default")
                .setPosteriorVersion(1)
                .setLabels(LABELS)
                .setMapProbabilities(list(Softmax.ofContrasts(y)))
                .setProbabilities(list(Softmax.ofContrasts(times(0.7, y))))
                .setTemperatureProbabilities(seed % 3 == 0 ? null : list(Softmax.ofContrasts(times(0.5, y))))
                .setContrastMean(list(y))
                .setContrastCovariance(covariance)
                .setEntropy(1)
                .setExpectedEntropy(1)
                .setMutualInformation(0)
                .setNovelty(0.5)
                .build();
    }

    static Answer validation(String questionId, long version, long seed) {
        Answer answer = of(questionId, seed);
        answer.setPurpose(Purpose.VALIDATION);
        answer.setPosteriorVersion(version);
        return answer;
    }

    private static double[] times(double factor, double[] values) {
        return Arrays.stream(values).map(value -> factor * value).toArray();
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
