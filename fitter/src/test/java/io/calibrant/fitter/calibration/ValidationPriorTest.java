package io.calibrant.fitter.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.golden.Contrasts;
import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.Safetensors;
import io.calibrant.fitter.linalg.SymmetricEigen;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.LUDecomposition;
import org.hipparchus.linear.RealMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ValidationPriorTest {
    private static final double[] SAME = {1, 1};

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 7})
    void shouldGiveTheCovarianceOfADenseInverse(int kept) {
        Random random = new Random(kept);
        EigenBlock one = EigenBlock.of("one", sum(7, random), sum(3, random), kept, true, 11);
        EigenBlock two = EigenBlock.of("two", sum(5, random), sum(2, random), Math.min(kept, 5), true, 4);
        double[][] first = jacobian(3, 21, random);
        double[][] second = jacobian(3, 10, random);
        ValidationPrior prior = new ValidationPrior(List.of(one.spectrum(), two.spectrum()));
        LabelledStatistics question =
                new LabelledStatistics("q", new double[3], List.of(one.project(first), two.project(second)), 0);
        for (double[] lambdas : new double[][] {{1, 1}, {1e-4, 30}, {1e5, 0.1}}) {
            double[][] dense = add(one.dense(first, lambdas[0]), two.dense(second, lambdas[1]));
            double[][] found = prior.covariance(question, lambdas);
            for (int c = 0; c < 3; c++) {
                for (int d = 0; d < 3; d++) {
                    assertThat(found[c][d]).isCloseTo(dense[c][d], within(1e-8 * Math.sqrt(dense[c][c] * dense[d][d])));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"expand_full, 64", "expand_rank10, 10"})
    void shouldGiveTheStoredCovarianceAtEveryPrior(String variant, int rank) {
        Safetensors kfac = Golden.tensors("mcq_kfac.safetensors");
        Safetensors stored = Golden.tensors("mcq_predict.safetensors");
        double star = Golden.json("mcq_golden.json")
                .path("lml")
                .path("expand_full")
                .path("lambda_star")
                .asDouble();
        List<EigenBlock> blocks = Golden.blocks().stream()
                .map(name -> EigenBlock.of(
                        name,
                        kfac.values((Golden.gradientIsLarge(name) ? "expand.S.exact." : "expand.A.") + name),
                        kfac.values((Golden.gradientIsLarge(name) ? "expand.A." : "expand.S.exact.") + name),
                        rank,
                        false,
                        1318))
                .toList();
        Map<String, Double> lambdas = Map.of("1", 1.0, "star", star, "100", 100.0, "10000", 1e4);
        lambdas.forEach((name, lambda) ->
                assertStored(stored, stored.cube("Sigma." + variant + ".lambda_" + name), blocks, lambda));
    }

    @Test
    void shouldGiveTheStoredCovarianceWithTheResidual() {
        Safetensors fit = Golden.tensors("mcq_fit200.safetensors");
        List<EigenBlock> blocks = Golden.blocks().stream()
                .map(name -> EigenBlock.of(
                        name,
                        fit.values((Golden.gradientIsLarge(name) ? "expand.S.exact." : "expand.A.") + name),
                        fit.values((Golden.gradientIsLarge(name) ? "expand.A." : "expand.S.exact.") + name),
                        10,
                        true,
                        8132))
                .toList();
        double lambda = Golden.json("mcq_supplement.json")
                .path("expand_rank10_residual")
                .path("lambda_star")
                .asDouble();
        assertStored(
                Golden.tensors("mcq_predict.safetensors"),
                Golden.tensors("mcq_supplement.safetensors").cube("Sigma.expand_rank10_residual.evidence"),
                blocks,
                lambda);
    }

    /** The first 16 test questions. */
    private static void assertStored(Safetensors stored, double[][][] sigma, List<EigenBlock> blocks, double lambda) {
        ValidationPrior prior =
                new ValidationPrior(blocks.stream().map(EigenBlock::spectrum).toList());
        double[] lambdas = new double[blocks.size()];
        Arrays.fill(lambdas, lambda);
        List<double[]> jacobians =
                blocks.stream().map(block -> stored.values("J." + block.name())).toList();
        double worst = 0;
        for (int b = 0; b < 16; b++) {
            List<BlockJacobian> statistics = new ArrayList<>();
            for (int l = 0; l < blocks.size(); l++) {
                EigenBlock block = blocks.get(l);
                boolean transposed = Golden.gradientIsLarge(block.name());
                int d = block.d();
                int r = block.r();
                double[][] contrasts = new double[3][r * d];
                for (int c = 0; c < 3; c++) {
                    for (int e = 0; e < r * d; e++) {
                        int at = transposed ? e % d * r + e / d : e;
                        contrasts[c][e] = jacobians.get(l)[(b * 4 + c) * r * d + at]
                                - jacobians.get(l)[(b * 4 + 3) * r * d + at];
                    }
                }
                statistics.add(block.project(contrasts));
            }
            double[][] found = prior.covariance(new LabelledStatistics("q" + b, new double[3], statistics, 0), lambdas);
            double[][] expected = Contrasts.covariance(sigma[b]);
            for (int c = 0; c < 3; c++) {
                for (int e = 0; e < 3; e++) {
                    worst = Math.max(
                            worst, Math.abs(found[c][e] - expected[c][e]) / Math.sqrt(expected[c][c] * expected[e][e]));
                }
            }
        }
        assertThat(worst).as("lambda " + lambda).isLessThan(1e-8);
    }

    @Test
    void shouldFindTheSameMinimumFromThreeStartsAndAFineGrid() {
        Problem problem = new Problem(60, 1);
        ValidationPrior.Optimum best = problem.prior.minimise(problem.questions, SAME);

        for (double start : new double[] {Math.log(1e-3), 1, Math.log(1e6)}) {
            ValidationPrior.Optimum other = problem.prior.minimise(problem.questions, new double[] {1, 1}, start, 0.7);
            assertThat(Math.log(other.lambdas()[0] / best.lambdas()[0])).isCloseTo(0, within(1e-3));
            assertThat(other.nll()).isCloseTo(best.nll(), within(1e-8));
        }
        // The naive twin: the link's own probabilities on a fine grid.
        Link link = new Link(LinkFunction.MC, 4096, 3);
        double least = Double.POSITIVE_INFINITY;
        for (double level = -3; level <= 6; level += 0.25) {
            double[] lambdas = {Math.pow(10, level), Math.pow(10, level)};
            double sum = 0;
            for (LabelledStatistics question : problem.questions) {
                double[] p = link.predict(question.mean(), problem.prior.covariance(question, lambdas))
                        .probabilities();
                sum -= Math.log(p[question.label()]) / problem.questions.size();
            }
            least = Math.min(least, sum);
        }
        assertThat(best.nll()).isCloseTo(least, within(2e-3));
        assertThat(best.lambdas()).hasSize(2);
        assertThat(best.lambdas()[0]).isEqualTo(best.lambdas()[1]);
    }

    @Test
    void shouldFindThePrecisionThatMadeTheLabels() {
        Problem problem = new Problem(3000, 2);
        ValidationPrior.Optimum best = problem.prior.minimise(problem.questions, SAME);
        assertThat(Math.log(best.lambdas()[0] / Problem.LAMBDA)).isCloseTo(0, within(0.4));
    }

    @Test
    void shouldNotDependOnTheOrderOfTheQuestions() {
        Problem problem = new Problem(31, 3);
        ValidationPrior.Optimum best = problem.prior.minimise(problem.questions, SAME);
        List<LabelledStatistics> shuffled = new ArrayList<>(problem.questions);
        Collections.shuffle(shuffled, new Random(0));
        ValidationPrior.Optimum again = problem.prior.minimise(shuffled, SAME);
        assertThat(again.lambdas()).isEqualTo(best.lambdas());
        assertThat(again.nll()).isEqualTo(best.nll());
    }

    @Test
    void shouldKeepAGivenShape() {
        Problem problem = new Problem(40, 4);
        ValidationPrior.Optimum best = problem.prior.minimise(problem.questions, new double[] {3, 12});
        ValidationPrior.Optimum scaled = problem.prior.minimise(problem.questions, new double[] {100, 400});
        assertThat(best.lambdas()[1] / best.lambdas()[0]).isCloseTo(4, within(1e-12));
        assertThat(scaled.lambdas()[0]).isCloseTo(best.lambdas()[0], within(1e-4 * best.lambdas()[0]));
    }

    @Test
    void shouldMakeAnswersForCalibration() {
        Problem problem = new Problem(20, 5);
        double[] lambdas = {2, 5};
        LabelledStatistics question = problem.questions.get(7);
        Link link = new Link(LinkFunction.MC, 64, 0);

        LabelledContrasts answer = problem.prior.answer(question, lambdas);

        LabelledContrasts naive = new LabelledContrasts(
                "x", question.mean(), problem.prior.covariance(question, lambdas), question.label());
        assertThat(answer.questionId()).isEqualTo(question.questionId());
        assertThat(SampledAnswer.of(answer.sample(link), answer.label()).negativeLogLikelihood(1, 1))
                .isEqualTo(SampledAnswer.of(naive.sample(link), naive.label()).negativeLogLikelihood(1, 1));
    }

    @Test
    void shouldNameWhatDoesNotFit() {
        Problem problem = new Problem(1, 6);
        LabelledStatistics good = problem.questions.get(0);
        assertThatThrownBy(() -> problem.prior.minimise(List.of(), SAME)).hasMessageContaining("at least one question");
        assertThatThrownBy(() -> new ValidationPrior(List.of())).hasMessageContaining("at least one");
        assertThatThrownBy(() -> problem.prior.minimise(problem.questions, new double[] {1, 0}))
                .hasMessage("shape must be one positive number for each of 2 blocks, got [1.0, 0.0]");
        assertThatThrownBy(() -> problem.prior.minimise(
                        List.of(new LabelledStatistics(
                                "odd", good.mean(), good.blocks().subList(0, 1), 0)),
                        SAME))
                .hasMessageContaining("question odd: 1 blocks");
        assertThatThrownBy(() -> problem.prior.minimise(
                        List.of(new LabelledStatistics("odd", good.mean(), good.blocks(), 9)), SAME))
                .hasMessageContaining("label 9");
        assertThatThrownBy(() -> problem.prior.answer(
                        new LabelledStatistics(
                                "odd",
                                good.mean(),
                                List.of(good.blocks().get(0), new BlockJacobian(new double[5], new double[0])),
                                0),
                        new double[] {1, 1}))
                .hasMessageContaining("question odd, block two: 5 projections");
    }

    /** Questions whose labels were drawn at one lambda. */
    private static final class Problem {
        private static final double LAMBDA = 3;

        private final ValidationPrior prior;
        private final List<LabelledStatistics> questions = new ArrayList<>();

        private Problem(int n, long seed) {
            Random random = new Random(seed);
            EigenBlock one = EigenBlock.of("one", sum(7, random), sum(3, random), 2, true, 1);
            EigenBlock two = EigenBlock.of("two", sum(5, random), sum(2, random), 5, true, 4);
            prior = new ValidationPrior(List.of(one.spectrum(), two.spectrum()));
            Link link = new Link(LinkFunction.MC, 256, 9);
            for (int i = 0; i < n; i++) {
                double[] mean = random.doubles(3, -5, 5).toArray();
                List<BlockJacobian> blocks =
                        List.of(one.project(jacobian(3, 21, random)), two.project(jacobian(3, 10, random)));
                double[][] covariance = prior.covariance(
                        new LabelledStatistics("q" + i, mean, blocks, 0), new double[] {LAMBDA, LAMBDA});
                double[] p = link.predict(mean, covariance).probabilities();
                double u = random.nextDouble();
                int label = 0;
                while (label < 3 && u > p[label]) {
                    u -= p[label++];
                }
                questions.add(new LabelledStatistics("q" + i, mean, blocks, label));
            }
        }
    }

    /** Eigenpairs of both sides of a block, and what the naive way makes of them. */
    @SuppressWarnings("ArrayRecordComponent")
    private record EigenBlock(
            String name, int d, int r, int k, double[] w, double[] u, double rho, double[] s, double[] q, double n) {

        private static EigenBlock of(
                String name, double[] large, double[] small, int kept, boolean residual, double n) {
            int d = (int) Math.round(Math.sqrt(large.length));
            int r = (int) Math.round(Math.sqrt(small.length));
            int k = Math.min(kept, d);
            SymmetricEigen pairs = SymmetricEigen.of(large, d);
            SymmetricEigen side = SymmetricEigen.of(small, r);
            double[] w =
                    Arrays.stream(pairs.values(), 0, k).map(x -> Math.max(0, x)).toArray();
            double trace = Arrays.stream(pairs.values()).sum();
            double rho = residual && k < d ? (trace - Arrays.stream(w).sum()) / (d - k) : 0;
            double[] s = Arrays.stream(side.values()).map(x -> Math.max(0, x)).toArray();
            return new EigenBlock(name, d, r, k, w, pairs.vectors(), rho, s, side.vectors(), n);
        }

        BlockSpectrum spectrum() {
            return new BlockSpectrum(name, w, rho, d - k, s, n, 1);
        }

        /** [contrasts][r * d], small side first. */
        BlockJacobian project(double[][] jacobian) {
            int contrasts = jacobian.length;
            double[] p = new double[contrasts * r * k];
            double[][][] off = new double[r][contrasts][d];
            for (int c = 0; c < contrasts; c++) {
                for (int j = 0; j < r; j++) {
                    double[] row = off[j][c];
                    for (int a = 0; a < r; a++) {
                        for (int b = 0; b < d; b++) {
                            row[b] += q[j * r + a] * jacobian[c][a * d + b];
                        }
                    }
                    for (int i = 0; i < k; i++) {
                        double dot = 0;
                        for (int b = 0; b < d; b++) {
                            dot += row[b] * u[i * d + b];
                        }
                        p[(c * r + j) * k + i] = dot;
                        for (int b = 0; b < d; b++) {
                            row[b] -= dot * u[i * d + b];
                        }
                    }
                }
            }
            double[] rest = new double[k == d ? 0 : r * contrasts * contrasts];
            for (int j = 0; j < r && k < d; j++) {
                for (int c = 0; c < contrasts; c++) {
                    for (int e = 0; e < contrasts; e++) {
                        for (int b = 0; b < d; b++) {
                            rest[(j * contrasts + c) * contrasts + e] += off[j][c][b] * off[j][e][b];
                        }
                    }
                }
            }
            return new BlockJacobian(p, rest);
        }

        /** J (F + lambda I)^-1 J^T. */
        double[][] dense(double[][] jacobian, double lambda) {
            RealMatrix precision = new Array2DRowRealMatrix(r * d, r * d);
            for (int a = 0; a < r * d; a++) {
                for (int b = 0; b < r * d; b++) {
                    double small = 0;
                    for (int j = 0; j < r; j++) {
                        small += s[j] * q[j * r + a / d] * q[j * r + b / d];
                    }
                    double large = a % d == b % d ? rho : 0;
                    for (int i = 0; i < k; i++) {
                        large += (w[i] - rho) * u[i * d + a % d] * u[i * d + b % d];
                    }
                    precision.setEntry(a, b, small * large / n + (a == b ? lambda : 0));
                }
            }
            RealMatrix j = new Array2DRowRealMatrix(jacobian);
            return j.multiply(new LUDecomposition(precision).getSolver().getInverse())
                    .multiply(j.transpose())
                    .getData();
        }
    }

    /** A random sum of outer products [n, n]. */
    private static double[] sum(int n, Random random) {
        double[] sum = new double[n * n];
        for (int m = 0; m < n; m++) {
            double[] row = random.doubles(n, -3, 3).toArray();
            for (int e = 0; e < n * n; e++) {
                sum[e] += row[e / n] * row[e % n] / (1 + m * m);
            }
        }
        return sum;
    }

    private static double[][] jacobian(int contrasts, int weights, Random random) {
        double size = 2 * Math.exp(random.nextGaussian());
        double[][] jacobian = new double[contrasts][];
        for (int c = 0; c < contrasts; c++) {
            jacobian[c] = random.doubles(weights, -size, size).toArray();
        }
        return jacobian;
    }

    private static double[][] add(double[][] a, double[][] b) {
        double[][] sum = new double[a.length][];
        for (int i = 0; i < a.length; i++) {
            sum[i] = a[i].clone();
            for (int j = 0; j < sum[i].length; j++) {
                sum[i][j] += b[i][j];
            }
        }
        return sum;
    }
}
