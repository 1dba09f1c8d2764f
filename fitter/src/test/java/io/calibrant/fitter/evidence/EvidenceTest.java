package io.calibrant.fitter.evidence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Naive;
import io.calibrant.fitter.linalg.Rows;
import java.util.Arrays;
import java.util.List;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.CholeskyDecomposition_F64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EvidenceTest {
    private static final double LL = -31.5;

    @ParameterizedTest
    @ValueSource(doubles = {1e-3, 0.7, 40, 1e4})
    void shouldEqualTheDenseLogDeterminant(double lambda) {
        // given two blocks, one compressed with residual, one in full
        KroneckerFactor a = factor(13, 3, 5, 1);
        KroneckerFactor b = factor(7, 2, null, 2);
        Evidence evidence = new Evidence(List.of(spectrum("a", a, 4.5), spectrum("b", b, 0.25)), LL);

        // then log Z = LL + log prior - 1/2 log det (F + lambda I) + P/2 log 2 pi, without any cancellation done by
        // hand
        double dense = LL;
        for (KroneckerFactor f : List.of(a, b)) {
            double[] fisher = Dense.fisher(f);
            int p = (int) Math.round(Math.sqrt(fisher.length));
            dense += p / 2.0 * Math.log(lambda) - logDeterminant(fisher, p, lambda) / 2;
        }
        dense -= lambda / 2 * (4.5 + 0.25);
        assertThat(evidence.at(same(lambda, 2))).isCloseTo(dense, within(1e-9 * Math.abs(dense)));
    }

    /** One lambda for all blocks. */
    private static double[] same(double lambda, int blocks) {
        double[] lambdas = new double[blocks];
        Arrays.fill(lambdas, lambda);
        return lambdas;
    }

    /** d log Z / d log lambda = 1/2 [gamma(lambda) - lambda ||theta - theta_0||^2]. */
    private static double derivative(List<BlockSpectrum> blocks, double lambda) {
        EvidenceTerms terms = new EvidenceTerms(blocks);
        return (terms.effectiveParameters(lambda) - lambda * terms.squaredNorm()) / 2;
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-2, 1, 90})
    void shouldRiseAndFallAsItsDerivativeSays(double lambda) {
        List<BlockSpectrum> blocks = List.of(spectrum("a", factor(31, 4, 10, 5), 2));
        Evidence evidence = new Evidence(blocks, LL);
        double step = 1e-5;
        double above = evidence.at(same(lambda * Math.exp(step), 1));
        double below = evidence.at(same(lambda * Math.exp(-step), 1));
        double slope = (above - below) / (2 * step);
        assertThat(derivative(blocks, lambda)).isCloseTo(slope, within(1e-6 * (1 + Math.abs(slope))));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-3, 1, 500})
    void shouldFindTheOneMaximumFromAnywhere(double squaredNorm) {
        List<BlockSpectrum> blocks = List.of(
                spectrum("a", factor(31, 4, 10, 5), squaredNorm),
                spectrum("b", factor(17, 3, null, 6), squaredNorm / 3));
        Evidence evidence = new Evidence(blocks, LL);
        for (PriorStructure structure : PriorStructure.values()) {
            double[] low = evidence.maximise(structure, 1e-6).lambdas();
            double[] high = evidence.maximise(structure, 1e6).lambdas();
            for (int i = 0; i < low.length; i++) {
                assertThat(low[i]).isCloseTo(high[i], within(1e-10 * high[i]));
            }
        }
        double lambda = evidence.maximise(PriorStructure.SCALAR).lambdas()[0];
        double gamma = evidence.effectiveParameters(same(lambda, 2));
        assertThat(lambda * squaredNorm * 4 / 3).isCloseTo(gamma, within(1e-8 * gamma));
        assertThat(derivative(blocks, lambda * 0.99)).isPositive();
        assertThat(derivative(blocks, lambda * 1.01)).isNegative();
        double best = evidence.at(same(lambda, 2));
        for (double other = 1e-4; other < 1e6; other *= 1.7) {
            assertThat(evidence.at(same(other, 2))).isLessThanOrEqualTo(best);
        }
        Evidence.Optimum scalar = evidence.maximise(PriorStructure.SCALAR);
        Evidence.Optimum layerwise = evidence.maximise(PriorStructure.LAYERWISE);
        assertThat(layerwise.logEvidence()).isGreaterThanOrEqualTo(scalar.logEvidence());
        assertThat(scalar.effectiveParameters()).isCloseTo(gamma, within(1e-9 * gamma));
    }

    @Test
    void shouldExtrapolateAPartOfThePassToTheWhole() {
        BlockSpectrum half = spectrum("a", factor(31, 4, 10, 5), 2);
        Evidence twice = new Evidence(List.of(half.times(2)), LL);
        double lambda = 0.4;
        double expected = LL - lambda;
        for (double s : half.small()) {
            for (double w : half.large()) {
                expected -= Math.log1p(2 * w * s / half.n() / lambda) / 2;
            }
            expected -= half.multiplicity() * Math.log1p(2 * half.residual() * s / half.n() / lambda) / 2;
        }
        assertThat(twice.at(same(lambda, 1))).isCloseTo(expected, within(1e-10 * Math.abs(expected)));
    }

    @Test
    void shouldLeaveTheResidualOutWhereAsked() {
        KroneckerFactor factor = factor(31, 4, 3, 5);
        BlockSpectrum with = spectrum("a", factor, 2);
        BlockSpectrum without =
                BlockSpectrum.of("a", factor.large().spectrum(), false, factor.smallSpectrum(), factor.n(), 2);
        assertThat(with.residual()).isPositive();
        assertThat(without.residual()).isZero();
        assertThat(with.parameters()).isEqualTo(124);
        assertThat(without.parameters()).isEqualTo(124);
        assertThat(new Evidence(List.of(with), LL).at(same(1, 1)))
                .isLessThan(new Evidence(List.of(without), LL).at(same(1, 1)));
    }

    @Test
    void shouldAnswerFinitelyWhereTheEvidenceHasNoMaximum() {
        BlockSpectrum curved = new BlockSpectrum("curved", new double[] {3, 1}, 0, 5, new double[] {2}, 10, 0);
        BlockSpectrum flat = new BlockSpectrum("flat", new double[] {0}, 0, 4, new double[] {0, 0}, 10, 2.5);
        BlockSpectrum nothing = new BlockSpectrum("nothing", new double[0], 0, 4, new double[] {0, 0}, 10, 0);

        Evidence.Optimum each = new Evidence(List.of(curved, flat, nothing), LL).maximise(PriorStructure.LAYERWISE);
        assertThat(each.lambdas()).containsExactly(1e10, 4, 1); // theta = theta_0; P / ||theta||^2 = 10 / 2.5; neither
        assertThat(each.logEvidence()).isFinite();
        assertThat(each.effectiveParameters()).isFinite().isNotNegative();

        // together they have a maximum: curvature of one, weights of the other (a fresh adapter, B = 0)
        Evidence all = new Evidence(List.of(curved, flat, nothing), LL);
        double lambda = all.maximise(PriorStructure.SCALAR).lambdas()[0];
        assertThat(lambda * 2.5).isCloseTo(all.effectiveParameters(same(lambda, 3)), within(1e-12));

        // vanishing weights: the root lies beyond the bound
        BlockSpectrum tiny = new BlockSpectrum("tiny", new double[] {3}, 0, 0, new double[] {2}, 1, 1e-300);
        assertThat(new Evidence(List.of(tiny), LL)
                        .maximise(PriorStructure.SCALAR)
                        .lambdas()[0])
                .isCloseTo(1e10, within(1e-3));
    }

    @Test
    void shouldAnswerFinitelyWhereTheCurvatureUnderflows() {
        for (double w : new double[] {Double.MIN_VALUE, 1e-310, 1e-300, 1e-250}) {
            for (double norm : new double[] {Double.MIN_VALUE, 1, 1e60}) {
                BlockSpectrum block = new BlockSpectrum("b", new double[] {w}, 0, 3, new double[] {1}, 1, norm);
                Evidence.Optimum found = new Evidence(List.of(block), LL).maximise(PriorStructure.LAYERWISE);
                assertThat(found.lambdas()[0]).isBetween(0.99e-10, 1.01e10);
                assertThat(found.logEvidence()).isFinite();
            }
        }
    }

    @Test
    void shouldRefuseNoBlocksAndNoData() {
        assertThatThrownBy(() -> new Evidence(List.of(), LL)).hasMessageContaining("no blocks");
        assertThatThrownBy(() -> new BlockSpectrum("x", new double[1], 0, 0, new double[1], 0, 1))
                .hasMessageContaining("block x");
    }

    private static BlockSpectrum spectrum(String name, KroneckerFactor factor, double squaredNorm) {
        return BlockSpectrum.of(name, factor.large().spectrum(), true, factor.smallSpectrum(), factor.n(), squaredNorm);
    }

    private static KroneckerFactor factor(int d, int r, Integer rank, long seed) {
        double[] rows = Naive.random(seed, 9 * d);
        double[] small = Naive.outer(Naive.random(seed + 1, 9 * r), 9, r);
        return KroneckerFactor.empty(d, r, rank, Compression.TRUNCATE)
                .fold(new BatchSums(Rows.of(rows), 9, Naive.squaredNorm(rows), small, 9, 3, -1), 1);
    }

    private static double logDeterminant(double[] fisher, int p, double lambda) {
        DMatrixRMaj precision = new DMatrixRMaj(p, p, true, fisher.clone());
        for (int i = 0; i < p; i++) {
            precision.add(i, i, lambda);
        }
        CholeskyDecomposition_F64<DMatrixRMaj> cholesky = DecompositionFactory_DDRM.chol(p, true);
        assertThat(cholesky.decompose(precision)).isTrue();
        DMatrixRMaj root = cholesky.getT(null);
        double sum = 0;
        for (int i = 0; i < p; i++) {
            sum += 2 * Math.log(root.get(i, i));
        }
        return sum;
    }
}
