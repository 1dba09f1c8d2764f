package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.calibration.BlockJacobian;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.fitter.calibration.LabelledStatistics;
import io.calibrant.fitter.calibration.ValidationPrior;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.labels.CalibrationAnswer;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.BlockProjections;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.PriorObjective;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The prior that makes the validation labels most likely (method.md section 5b; the paper's Algorithm 3). */
final class PriorCalibration {
    private final PosteriorFactory factory;

    PriorCalibration(PosteriorFactory factory) {
        this.factory = factory;
    }

    /**
     * A posterior and what its prior makes of the validation questions.
     *
     * @param posterior with the chosen prior, under the version of the base
     * @param answers of the questions that chose it, their covariances at that prior
     */
    record Found(Posterior posterior, List<LabelledContrasts> answers) {}

    /**
     * The best prior. The layerwise optimum of the evidence gives its shape, the labels its size.
     *
     * @return null where there is no labelled question with statistics of the base's factors
     */
    Found of(CalibrationSet set) {
        List<LabelledStatistics> questions = new ArrayList<>();
        set.statistics().forEach((id, statistics) -> {
            CalibrationAnswer answer = set.answers().get(id);
            List<BlockJacobian> blocks = answer == null || !answer.isLabelled() ? null : blocks(set, statistics);
            if (blocks != null
                    && statistics.getContrastMean().size() == answer.mean().size()) {
                questions.add(new LabelledStatistics(id, doubles(answer.mean()), blocks, answer.label()));
            }
        });
        if (questions.isEmpty()) {
            return null;
        }
        List<BlockSpectrum> spectra = factory.spectra(set.spectra());
        ValidationPrior prior = new ValidationPrior(spectra);
        ValidationPrior.Optimum optimum =
                prior.minimise(questions, factory.evidence(set.spectra()).lambdas());
        Posterior posterior = factory.with(optimum.lambdas(), set.base(), set.spectra());
        posterior.setObjective(PriorObjective.VALIDATION);
        posterior.setValidationNll(optimum.nll());
        return new Found(
                posterior,
                questions.stream()
                        .map(question -> prior.answer(question, optimum.lambdas()))
                        .toList());
    }

    /** In the order of the spectra; null where they are of other factors. */
    private static List<BlockJacobian> blocks(CalibrationSet set, PredictiveStatistics statistics) {
        Map<String, BlockProjections> byName = new HashMap<>();
        statistics.getBlocks().forEach(block -> byName.put(block.getBlock(), block));
        List<BlockJacobian> blocks = new ArrayList<>();
        for (int l = 0; l < set.spectra().size(); l++) {
            FactorUpdate spectrum = set.spectra().get(l);
            BlockPrecision precision = set.base().getBlocks().get(l);
            BlockProjections block = byName.remove(spectrum.getBlock());
            if (block == null || block.getBatches() != precision.getBatches() || !fits(block, spectrum)) {
                return null;
            }
            blocks.add(new BlockJacobian(Tensors.doubles(block.getProjections()), Tensors.doubles(block.getRest())));
        }
        return byName.isEmpty() ? blocks : null;
    }

    private static boolean fits(BlockProjections block, FactorUpdate spectrum) {
        List<Integer> shape = block.getProjections().getShape();
        return shape.get(1) == spectrum.getSmallSpectrum().size()
                && shape.get(2) == spectrum.getSpectrum().size();
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }
}
