package io.calibrant.fitter.link;

import static io.calibrant.fitter.link.GoldenLinkTest.distance;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.golden.Contrasts;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class LinkTest {
    @ParameterizedTest
    @EnumSource(LinkFunction.class)
    void shouldGiveTheMapProbabilitiesAtNoVariance(LinkFunction function) {
        double[] logits = {1.5, -2, 0.25, 7, -0.5};
        double[] y = Contrasts.mean(logits);

        Prediction prediction = new Link(function, 256, 3).predict(y, new double[4][4]);

        assertThat(distance(prediction.probabilities(), Softmax.of(logits))).isLessThan(1e-14);
        assertThat(prediction.mutualInformation()).isEqualTo(0, within(1e-14));
    }

    @ParameterizedTest
    @EnumSource(LinkFunction.class)
    void shouldTendToTheMapProbabilitiesAsThePriorTightens(LinkFunction function) {
        double[] logits = {1.5, -2, 0.25};
        double[][] sigma = covariance(3, 3, new Random(5));
        double[] map = Softmax.of(logits);
        double last = 1;
        for (double lambda = 1; lambda <= 1e8; lambda *= 100) {
            double[] p = new Link(function, 1024, 0)
                    .predict(Contrasts.mean(logits), scaled(Contrasts.covariance(sigma), 1 / lambda))
                    .probabilities();
            assertThat(distance(p, map)).isLessThan(last);
            last = distance(p, map);
        }
        assertThat(last).isLessThan(1e-7);
    }

    @ParameterizedTest
    @EnumSource(LinkFunction.class)
    void shouldNotSeeAConstantAddedToAllLogits(LinkFunction function) {
        // A constant, certain or not: 1e3 on the means, a shared variance of 50 on the covariance.
        Random random = new Random(1);
        double[] logits = gaussian(4, random);
        double[][] sigma = covariance(4, 3, random);
        double[] shifted = Arrays.stream(logits).map(z -> z + 1e3).toArray();
        double[][] shared = new double[4][4];
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 4; j++) {
                shared[i][j] = sigma[i][j] + 50;
            }
        }
        Link link = new Link(function, 1024, 0);

        Prediction plain = link.predict(Contrasts.mean(logits), Contrasts.covariance(sigma));
        Prediction moved = link.predict(Contrasts.mean(shifted), Contrasts.covariance(shared));

        assertThat(distance(plain.probabilities(), moved.probabilities())).isLessThan(1e-11);
    }

    @ParameterizedTest
    @EnumSource(LinkFunction.class)
    void shouldPermuteWithTheClassesWhicheverIsTheReference(LinkFunction function) {
        Random random = new Random(2);
        for (int classes : new int[] {2, 3, 5, 26}) {
            double[] logits = gaussian(classes, random);
            double[][] sigma = covariance(classes, classes, random);
            Link link = new Link(function, 512, 0);
            double[] p = link.predict(Contrasts.mean(logits), Contrasts.covariance(sigma))
                    .probabilities();
            // A rotation makes another class the reference each time.
            for (int shift = 1; shift < Math.min(classes, 6); shift++) {
                double[] z = new double[classes];
                double[][] s = new double[classes][classes];
                double[] expected = new double[classes];
                for (int i = 0; i < classes; i++) {
                    int from = (i + shift) % classes;
                    z[i] = logits[from];
                    expected[i] = p[from];
                    for (int j = 0; j < classes; j++) {
                        s[i][j] = sigma[from][(j + shift) % classes];
                    }
                }
                double[] permuted =
                        link.predict(Contrasts.mean(z), Contrasts.covariance(s)).probabilities();
                assertThat(distance(permuted, expected)).as("C = %d", classes).isLessThan(1e-10);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1e-6, 0.01, 0.5, 0.999, 1, 1.001, 4, 100, 2000, 1e6})
    void shouldMeetANaiveQuadratureForTwoClassesAtAnyVariance(double variance) {
        for (double mean : new double[] {0, 0.3, -2, 5, -30, 700}) {
            double[] naive = quadrature(mean, variance);

            Prediction prediction = Link.monteCarlo().predict(new double[] {mean}, new double[][] {{variance}});

            assertThat(prediction.probabilities()[0]).isEqualTo(naive[0], within(1e-9));
            assertThat(prediction.expectedEntropy()).isEqualTo(naive[1], within(1e-9));
        }
    }

    @Test
    void shouldKeepTheDigitsOfASmallProbability() {
        // Far out, E sigma(X) = exp(m + v / 2) to first order, for narrow and wide alike.
        for (double variance : new double[] {0.25, 2}) {
            double[] p = Link.monteCarlo()
                    .predict(new double[] {-40}, new double[][] {{variance}})
                    .probabilities();
            assertThat(p[0] / Math.exp(-40 + variance / 2)).isEqualTo(1, within(1e-9));
        }
    }

    @Test
    void shouldKeepTheDigitsFarOut() {
        Link link = Link.monteCarlo();
        for (double mean : new double[] {15, 30, 60, 80, 120, 200, 600}) {
            for (double deviation : new double[] {0.5, 3.99, 4, 5, 10, 20, 30}) {
                Prediction found = link.predict(new double[] {mean}, new double[][] {{deviation * deviation}});
                double small = inLogSpace(mean, deviation, LinkTest::logSigmoid);
                assertThat(found.probabilities()[1])
                        .as("mean %s, deviation %s", mean, deviation)
                        .isCloseTo(small, within(1e-9 * small + 1e-300));
                double entropy = inLogSpace(mean, deviation, LinkTest::logEntropy);
                assertThat(found.expectedEntropy())
                        .as("mean %s, deviation %s", mean, deviation)
                        .isCloseTo(entropy, within(1e-9 * entropy + 1e-300));
            }
        }
    }

    @Test
    void shouldKeepTheDigitsOfASmallEntropy() {
        assertThat(Softmax.entropy(new double[] {1, 1e-20})).isCloseTo(1e-20 * (1 + 20 * Math.log(10)), within(1e-33));
        assertThat(Softmax.entropy(new double[] {0.5, 0.5})).isCloseTo(Math.log(2), within(1e-15));
        assertThat(Softmax.entropy(new double[] {1, 0, 0})).isZero();
        double[] z = {0, -60, -60};
        assertThat(Softmax.inPlace(z)).isCloseTo(2 * 61 * Math.exp(-60), within(1e-36));
    }

    /** The naive twin: E f(X), X ~ N(mean, deviation^2), by a fine trapezoid of exp(log f) over all of its mass. */
    private static double inLogSpace(double mean, double deviation, DoubleUnaryOperator logF) {
        double from = Math.min(mean - deviation * deviation, 0) - 10 * deviation - 50;
        double to = mean + 10 * deviation;
        int n = 20_000;
        double step = (to - from) / n;
        double sum = 0;
        for (int k = 0; k <= n; k++) {
            double x = from + k * step;
            double z = (x - mean) / deviation;
            sum += Math.exp(logF.applyAsDouble(x) - 0.5 * z * z);
        }
        return sum * step / (deviation * Math.sqrt(2 * Math.PI));
    }

    /** log sigma(-x). */
    private static double logSigmoid(double x) {
        return x > 0 ? -x - Math.log1p(Math.exp(-x)) : -Math.log1p(Math.exp(x));
    }

    /** log of the entropy of (sigma(x), sigma(-x)). */
    private static double logEntropy(double x) {
        double a = Math.abs(x);
        double tail = Math.exp(-a);
        return -a + Math.log((tail > 1e-8 ? Math.log1p(tail) / tail : 1 - tail / 2) + a / (1 + tail));
    }

    @Test
    void shouldMeetTheNaiveMeanField() {
        Random random = new Random(21);
        double[] z = gaussian(4, random);
        double[][] sigma = covariance(4, 4, random);
        double[] naive = new double[4];
        double total = 0;
        for (int k = 0; k < 4; k++) {
            double sum = 0;
            for (int j = 0; j < 4; j++) {
                double v = sigma[k][k] + sigma[j][j] - sigma[k][j] - sigma[j][k];
                sum += Math.exp(-(z[k] - z[j]) / Math.sqrt(1 + Math.PI / 8 * v));
            }
            naive[k] = 1 / sum;
            total += naive[k];
        }
        for (int k = 0; k < 4; k++) {
            naive[k] /= total;
        }

        double[] p = new Link(LinkFunction.MEAN_FIELD, 16, 0)
                .predict(Contrasts.mean(z), Contrasts.covariance(sigma))
                .probabilities();

        assertThat(distance(p, naive)).isLessThan(1e-14);
    }

    @Test
    void shouldAverageProbabilitiesNeverLogits() {
        // Softmax of averaged logits is the MAP answer whatever the covariance: then nothing would be calibrated.
        double[] y = {4, 1};
        double[] map = Softmax.ofContrasts(y);
        double[][] wide = {{400, 100}, {100, 300}};

        double[] p = Link.monteCarlo().predict(y, wide).probabilities();

        assertThat(map[0]).isGreaterThan(0.93);
        assertThat(p[0]).isBetween(0.4, 0.6);
    }

    @Test
    void shouldGiveMutualInformationThatGrowsWithTheVariance() {
        double last = 0;
        for (double scale : new double[] {0.01, 0.1, 1, 10, 100}) {
            Prediction prediction = Link.monteCarlo().predict(new double[] {0.5, -0.5}, scaled(identity(2), scale));
            assertThat(prediction.mutualInformation()).isGreaterThan(last);
            last = prediction.mutualInformation();
        }
        assertThat(last).isLessThan(Math.log(3));
    }

    @Test
    void shouldTakeACovarianceOfAnyRankAsItIs() {
        Random random = new Random(7);
        for (int rank = 0; rank <= 4; rank++) {
            double[][] sigma = covariance(5, rank, random);
            double[][] centred = CentredLogits.ofContrasts(new double[4], Contrasts.covariance(sigma))
                    .covariance();
            double[][] factor = PivotedCholesky.factor(centred, 4, new double[5]);
            for (int i = 0; i < 5; i++) {
                for (int j = 0; j < 5; j++) {
                    double product = 0;
                    for (int k = 0; k < 4; k++) {
                        product += factor[i][k] * factor[j][k];
                    }
                    assertThat(product).isEqualTo(centred[i][j], within(1e-12));
                }
            }
        }
    }

    @Test
    void shouldRefuseAnIndefiniteCovarianceInsteadOfRepairingIt() {
        Link link = Link.monteCarlo();
        assertThatThrownBy(() -> link.predict(new double[2], new double[][] {{1, 2}, {2, 1}}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not positive semi-definite");
        assertThatThrownBy(() -> link.predict(new double[1], new double[][] {{-1}}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("-1.0");
    }

    @Test
    void shouldTakeAsManyClassesAsAQuestionMayHave() {
        Prediction prediction = new Link(LinkFunction.MC, 16, 0).predict(new double[255], identity(255));
        assertThat(prediction.probabilities()).hasSize(256);
        assertThat(Arrays.stream(prediction.probabilities()).sum()).isEqualTo(1, within(1e-9));
    }

    @Test
    void shouldNameWhatItDoesNotAccept() {
        Link link = Link.monteCarlo();
        assertThatThrownBy(() -> link.predict(new double[0], new double[0][0]))
                .hasMessage("classes must be 2 to 256, got 1");
        assertThatThrownBy(() -> link.predict(new double[256], identity(256)))
                .hasMessage("classes must be 2 to 256, got 257");
        assertThatThrownBy(() -> link.predict(new double[] {Double.NaN}, identity(1)))
                .hasMessageContaining("NaN");
        assertThatThrownBy(() -> link.predict(new double[2], identity(3))).hasMessageContaining("3 rows");
        assertThatThrownBy(() -> new Link(LinkFunction.MC, 0, 0)).hasMessageContaining("points must be 1 to ");
    }

    @Test
    void shouldBeDeterministicInItsSeed() {
        double[] y = {1, 2, 3};
        double[] first =
                new Link(LinkFunction.MC, 64, 9).predict(y, identity(3)).probabilities();
        double[] again =
                new Link(LinkFunction.MC, 64, 9).predict(y, identity(3)).probabilities();
        double[] other =
                new Link(LinkFunction.MC, 64, 10).predict(y, identity(3)).probabilities();
        assertThat(again).isEqualTo(first);
        assertThat(other).isNotEqualTo(first);
    }

    @Test
    void shouldSpreadEveryDimensionEvenly() {
        // Nested uniform scrambling keeps each coordinate a perfect stratification: one point in each of n cells.
        SobolPoints points = new SobolPoints(1024, 4);
        for (int dimension : new int[] {1, 3, 25}) {
            double[][] normal = points.normal(dimension);
            for (int j = 0; j < dimension; j++) {
                boolean[] taken = new boolean[1024];
                double square = 0;
                for (double[] point : normal) {
                    double u = 0.5 * org.hipparchus.special.Erf.erfc(-point[j] / Math.sqrt(2));
                    taken[(int) (u * 1024)] = true;
                    square += point[j] * point[j] / 1024;
                }
                assertThat(taken).doesNotContain(false);
                assertThat(square).isEqualTo(1, within(0.02));
            }
        }
    }

    /** E sigma and E H(sigma) by a brute-force midpoint rule, fine against both scales. */
    private static double[] quadrature(double mean, double variance) {
        double deviation = Math.sqrt(variance);
        int nodes = 2_000_000;
        double half = 10;
        double width = 2 * half / nodes;
        double[] sums = new double[2];
        for (int i = 0; i < nodes; i++) {
            double z = -half + (i + 0.5) * width;
            double weight = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * width;
            double x = mean + deviation * z;
            double p = 1 / (1 + Math.exp(-x));
            double q = 1 / (1 + Math.exp(x));
            sums[0] += weight * p;
            sums[1] += weight * -((p > 0 ? p * Math.log(p) : 0) + (q > 0 ? q * Math.log(q) : 0));
        }
        return sums;
    }

    private static double[] gaussian(int n, Random random) {
        return random.doubles(n, -2, 2).toArray();
    }

    private static double[][] covariance(int classes, int rank, Random random) {
        List<double[]> factors = random.ints(rank)
                .mapToObj(seed -> gaussian(classes, new Random(seed)))
                .toList();
        double[][] sigma = new double[classes][classes];
        for (double[] factor : factors) {
            for (int i = 0; i < classes; i++) {
                for (int j = 0; j < classes; j++) {
                    sigma[i][j] += factor[i] * factor[j];
                }
            }
        }
        return sigma;
    }

    private static double[][] identity(int n) {
        double[][] matrix = new double[n][n];
        for (int i = 0; i < n; i++) {
            matrix[i][i] = 1;
        }
        return matrix;
    }

    private static double[][] scaled(double[][] matrix, double factor) {
        return Arrays.stream(matrix)
                .map(row -> Arrays.stream(row).map(value -> value * factor).toArray())
                .toArray(double[][]::new);
    }
}
