package io.calibrant.infra.bench;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.Softmax;
import io.calibrant.scorer.predictive.Predictive;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.FactorRows;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.statistics.Checkpoint;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The whole way from a model to its answers in one process, with the defaults of trainer, fitter and scorer: a
 * curvature pass, folded to rank 10 with the residual, the evidence's prior precision, answers to other questions. No
 * labels are used.
 *
 * @param lambda the prior precision
 * @param map mean NLL of the model as it is, nats
 * @param served mean NLL of the served probabilities, nats
 * @param probabilities served, one row a question
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
record BaseAnswers(double lambda, double map, double served, double[][] probabilities) {
    private static final int RANK = 10;
    private static final int BATCH = 4;

    /** Measures and asks. */
    static BaseAnswers of(AdaptedModel model, BaseQuestions asked) {
        Map<String, KroneckerFactor> factors = new LinkedHashMap<>();
        KfacEstimator curvature = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EXACT, RANK, "bench", 0);
        double logLikelihood = 0;
        for (int from = 0; from < asked.training().size(); from += BATCH) {
            List<EncodedPrompt> prompts =
                    asked.training().subList(from, Math.min(asked.training().size(), from + BATCH));
            BatchCurvature batch = curvature.measure(model, prompts, 0, from / BATCH);
            logLikelihood += batch.logLikelihood();
            batch.blocks()
                    .forEach(block -> factors.compute(block.block(), (name, before) -> fold(before, block, batch)));
        }
        Map<String, Double> norms = new Checkpoint("bench", asked.adapter(), null).squaredNorms();
        List<BlockSpectrum> spectra = new ArrayList<>();
        factors.forEach((block, factor) -> spectra.add(BlockSpectrum.of(
                block, factor.large().spectrum(), true, factor.smallSpectrum(), factor.n(), norms.get(block))));
        double lambda = new Evidence(spectra, logLikelihood)
                .maximise(PriorStructure.SCALAR)
                .lambdas()[0];
        List<BlockPosterior> posterior = new ArrayList<>();
        factors.forEach((block, factor) -> posterior.add(BlockPosterior.of(block, factor, true, lambda)));
        try (Predictor predictor = new Predictor(model, posterior)) {
            return answers(lambda, predictor, asked.test());
        }
    }

    /** Adds a batch to a factor; null for none yet. */
    private static KroneckerFactor fold(KroneckerFactor before, BlockStatistics block, BatchCurvature batch) {
        FactorRows rows = block.rows();
        double[] values = new double[rows.values().length];
        for (int i = 0; i < values.length; i++) {
            values[i] = rows.values()[i];
        }
        KroneckerFactor factor = before == null
                ? KroneckerFactor.empty(rows.width(), block.smallWidth(), RANK, Compression.TRUNCATE)
                : before;
        return factor.fold(
                new BatchSums(
                        Rows.of(values),
                        rows.count(),
                        rows.trace(),
                        block.small(),
                        block.n(),
                        batch.examples(),
                        batch.logLikelihood()),
                1);
    }

    private static BaseAnswers answers(double lambda, Predictor predictor, List<EncodedPrompt> test) {
        Link link = Link.monteCarlo();
        double[][] probabilities = new double[test.size()][];
        double map = 0;
        double served = 0;
        for (int from = 0; from < test.size(); from += BATCH) {
            List<EncodedPrompt> prompts = test.subList(from, Math.min(test.size(), from + BATCH));
            List<Predictive> predictives = predictor.predict(prompts);
            for (int i = 0; i < prompts.size(); i++) {
                Predictive predictive = predictives.get(i);
                int right = prompts.get(i).question().answerIndex().orElseThrow();
                double[] p =
                        link.predict(predictive.mean(), predictive.covariance()).probabilities();
                map -= Math.log(Softmax.ofContrasts(predictive.mean())[right]);
                served -= Math.log(p[right]);
                probabilities[from + i] = p;
            }
        }
        return new BaseAnswers(lambda, map / test.size(), served / test.size(), probabilities);
    }

    /** The largest difference of a probability from that of other answers to the same questions. */
    double largestDifference(BaseAnswers other) {
        return IntStream.range(0, probabilities.length)
                .mapToDouble(i -> IntStream.range(0, probabilities[i].length)
                        .mapToDouble(c -> Math.abs(probabilities[i][c] - other.probabilities[i][c]))
                        .max()
                        .orElse(0))
                .max()
                .orElse(0);
    }
}
