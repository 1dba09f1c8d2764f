package io.calibrant.fitter.link;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.golden.Contrasts;
import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.Safetensors;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GoldenLinkTest {
    private static final List<String> LAMBDAS = List.of("1", "star", "100", "10000");

    @ParameterizedTest
    @CsvSource({"4096, 4e-3", "16384, 2e-3"})
    void shouldMeetTheReferenceAtEveryPriorOfTheExtract(int points, double tolerance) {
        Safetensors golden = Safetensors.extract();
        for (String lambda : LAMBDAS) {
            String variant = "expand_full.lambda_" + lambda;
            double worst = worst(golden, "predict.", variant, new Link(LinkFunction.MC, points, 0));
            print("MC " + points, variant, worst);
            assertThat(worst).as(variant).isLessThan("10000".equals(lambda) ? 5e-5 : tolerance);
        }
    }

    @ParameterizedTest
    @CsvSource({"4096, 4e-3", "16384, 2e-3"})
    void shouldMeetTheReferenceAtEveryPriorFullAndRankTen(int points, double tolerance) {
        Safetensors golden = Golden.tensors("mcq_predict.safetensors");
        for (String factors : List.of("expand_full", "expand_rank10")) {
            for (String lambda : LAMBDAS) {
                for (long seed = 0; seed < 3; seed++) {
                    String variant = factors + ".lambda_" + lambda;
                    double worst = worst(golden, "", variant, new Link(LinkFunction.MC, points, seed));
                    print("MC " + points + " seed " + seed, variant, worst);
                    assertThat(worst).as(variant).isLessThan("10000".equals(lambda) ? 5e-5 : tolerance);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5})
    void shouldMeetTheSyntheticReferenceForAnyNumberOfClasses(int classes) {
        Safetensors golden = Safetensors.extract();
        String key = "synthetic.C" + classes + ".";
        double[][] mu = golden.matrix(key + "mu");
        double[][][] sigma = golden.cube(key + "Sigma");
        double[][] exact = golden.matrix(key + "p_exact");
        Link link = Link.monteCarlo();
        double worst = 0;
        for (int i = 0; i < mu.length; i++) {
            double[] p = link.predict(Contrasts.mean(mu[i]), Contrasts.covariance(sigma[i]))
                    .probabilities();
            worst = Math.max(worst, distance(p, exact[i]));
        }
        print("MC 4096", "synthetic C = " + classes, worst);
        assertThat(worst).isLessThan(classes == 2 ? 1e-6 : 4e-3);
    }

    @Test
    void shouldReproduceTheDiagonalProbitOfClassLogits() {
        Safetensors golden = Safetensors.extract();
        double[][] mu = golden.matrix("predict.mu");
        for (String lambda : LAMBDAS) {
            double[][][] sigma = golden.cube("predict.Sigma.expand_full.lambda_" + lambda);
            double[][] probit = golden.matrix("predict.p_probit.expand_full.lambda_" + lambda);
            for (int i = 0; i < mu.length; i++) {
                assertThat(distance(ClosedForms.probit(mu[i], sigma[i]), probit[i]))
                        .isLessThan(1e-12);
            }
        }
        for (int classes = 2; classes <= 5; classes++) {
            double[][] z = golden.matrix("synthetic.C" + classes + ".mu");
            double[][][] sigma = golden.cube("synthetic.C" + classes + ".Sigma");
            double[][] probit = golden.matrix("synthetic.C" + classes + ".p_probit");
            for (int i = 0; i < z.length; i++) {
                assertThat(distance(ClosedForms.probit(z[i], sigma[i]), probit[i]))
                        .isLessThan(1e-12);
            }
        }
    }

    @Test
    void shouldPrintHowFarTheClosedFormsAreFromTheReference() {
        Safetensors golden = Safetensors.extract();
        for (String lambda : LAMBDAS) {
            String variant = "expand_full.lambda_" + lambda;
            double meanField = worst(golden, "predict.", variant, new Link(LinkFunction.MEAN_FIELD, 64, 0));
            double probit = worst(golden, "predict.", variant, new Link(LinkFunction.PROBIT, 64, 0));
            double usual = 0;
            double[][] exact = golden.matrix("predict.p_exact." + variant);
            double[][] stored = golden.matrix("predict.p_probit." + variant);
            for (int i = 0; i < exact.length; i++) {
                usual = Math.max(usual, distance(stored[i], exact[i]));
            }
            print("MEAN_FIELD", variant, meanField);
            print("PROBIT, centred", variant, probit);
            print("PROBIT, diagonal of the class logits", variant, usual);
            // The pairwise form is the better one: it does not see the shift common to all logits.
            assertThat(meanField).isLessThan(usual);
        }
    }

    private static double worst(Safetensors golden, String prefix, String variant, Link link) {
        double[][] mu = golden.matrix(prefix + "mu");
        double[][][] sigma = golden.cube(prefix + "Sigma." + variant);
        double[][] exact = golden.matrix(prefix + "p_exact." + variant);
        double worst = 0;
        for (int i = 0; i < mu.length; i++) {
            double[] p = link.predict(Contrasts.mean(mu[i]), Contrasts.covariance(sigma[i]))
                    .probabilities();
            worst = Math.max(worst, distance(p, exact[i]));
        }
        return worst;
    }

    static double distance(double[] a, double[] b) {
        assertThat(a).hasSameSizeAs(b);
        double worst = 0;
        for (int i = 0; i < a.length; i++) {
            worst = Math.max(worst, Math.abs(a[i] - b[i]));
        }
        return worst;
    }

    private static void print(String link, String variant, double worst) {
        System.out.println(String.format(Locale.ROOT, "link %s, %s: worst error %.2e", link, variant, worst));
    }
}
