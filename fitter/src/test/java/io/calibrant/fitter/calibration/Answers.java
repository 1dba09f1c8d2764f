package io.calibrant.fitter.calibration;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Made-up labelled answers. */
final class Answers {
    private Answers() {}

    /** Means and covariances at random, 2 to 5 classes; labels drawn from E softmax N(z / T, c Sigma). */
    static List<LabelledContrasts> drawn(int n, double temperature, double scale, long seed) {
        Random random = new Random(seed);
        Link link = new Link(LinkFunction.MC, 1024, 0);
        List<LabelledContrasts> answers = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            int contrasts = 1 + random.nextInt(4);
            double[] mean = random.doubles(contrasts, -6, 6).toArray();
            double[][] covariance = covariance(contrasts, random);
            double u = random.nextDouble();
            double[] p = link.predict(scaled(mean, 1 / temperature), scaled(covariance, scale))
                    .probabilities();
            int label = 0;
            while (label < contrasts && u > p[label]) {
                u -= p[label++];
            }
            answers.add(new LabelledContrasts("question-" + i, mean, covariance, label));
        }
        return answers;
    }

    /** A random sum of squares; how large differs widely from question to question. */
    static double[][] covariance(int contrasts, Random random) {
        double size = Math.exp(random.nextGaussian() * 1.5);
        double[][] root = new double[contrasts][contrasts];
        for (double[] row : root) {
            for (int j = 0; j < contrasts; j++) {
                row[j] = random.nextGaussian() * size;
            }
        }
        double[][] covariance = new double[contrasts][contrasts];
        for (int i = 0; i < contrasts; i++) {
            for (int j = 0; j < contrasts; j++) {
                for (int k = 0; k < contrasts; k++) {
                    covariance[i][j] += root[i][k] * root[j][k];
                }
            }
        }
        return covariance;
    }

    static double[] scaled(double[] values, double factor) {
        double[] scaled = values.clone();
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] *= factor;
        }
        return scaled;
    }

    static double[][] scaled(double[][] values, double factor) {
        double[][] scaled = new double[values.length][];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = scaled(values[i], factor);
        }
        return scaled;
    }

    static List<SampledAnswer> sampled(List<LabelledContrasts> answers, Link link) {
        return answers.stream()
                .map(answer -> SampledAnswer.of(answer.sample(link), answer.label()))
                .toList();
    }
}
