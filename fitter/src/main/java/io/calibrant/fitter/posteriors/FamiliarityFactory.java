package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.familiarity.Familiarity;
import io.calibrant.fitter.familiarity.InputMoment;
import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.FamiliarityBasis;
import io.calibrant.schemas.avro.InputFactor;
import io.calibrant.schemas.avro.Posterior;
import java.util.ArrayList;
import java.util.List;

/** What a posterior says of familiarity (method.md section 6): which inputs count, and the scores that are known. */
final class FamiliarityFactory {
    private FamiliarityFactory() {}

    /**
     * Of the inputs' folds. The score of a question that was held out is the mean over the inputs that count, where all
     * of these have it.
     *
     * @param inputs the latest update of every input, in the order of the layers
     * @param version of the posterior that these factors make
     * @return null where there are no inputs
     */
    static FamiliarityBasis of(List<FactorUpdate> inputs, long version) {
        if (inputs.isEmpty()) {
            return null;
        }
        List<InputFactor> factors = new ArrayList<>();
        List<FactorUpdate> counting = new ArrayList<>();
        for (FactorUpdate input : inputs) {
            boolean counts = input.getN() >= Familiarity.FEWEST_QUESTIONS
                    && InputMoment.tells(new Spectrum(
                            input.getSpectrum().stream()
                                    .mapToDouble(Double::doubleValue)
                                    .toArray(),
                            input.getDimension(),
                            input.getTrace()));
            factors.add(new InputFactor(input.getBlock(), input.getBatches(), counts));
            if (counts) {
                counting.add(input);
            }
        }
        List<Double> scores = means(counting);
        return new FamiliarityBasis(factors, scores, scores, version, List.of());
    }

    private static List<Double> means(List<FactorUpdate> counting) {
        int count = counting.stream()
                .mapToInt(input -> input.getHeldOutScores().size())
                .max()
                .orElse(0);
        if (counting.stream().anyMatch(input -> input.getHeldOutScores().size() != count)) {
            return List.of(); // some fold has not ended, or had too few questions
        }
        double[] means = new double[count];
        for (FactorUpdate input : counting) {
            for (int i = 0; i < count; i++) {
                means[i] += input.getHeldOutScores().get(i) / counting.size();
            }
        }
        return ScoreCalibration.ascending(means);
    }

    /**
     * The same with the scores of labelled questions.
     *
     * @param of of the posterior; null for none
     * @param validation scores of validation questions; where they are enough, those of training questions do not count
     * @param checked scores of other labelled questions that were unfamiliar
     */
    static FamiliarityBasis with(FamiliarityBasis of, List<Double> validation, List<Double> checked) {
        if (of == null) {
            return null;
        }
        List<Double> scores = new ArrayList<>(validation);
        if (validation.size() < ScoreCalibration.ENOUGH) {
            scores.addAll(of.getTrainingScores());
        }
        scores.addAll(checked);
        return new FamiliarityBasis(
                of.getInputs(),
                of.getTrainingScores(),
                ScoreCalibration.ascending(
                        scores.stream().mapToDouble(Double::doubleValue).toArray()),
                of.getSince(),
                ScoreCalibration.ascending(
                        checked.stream().mapToDouble(Double::doubleValue).toArray()));
    }

    /** The first version whose answers have scores by the factors of this posterior. */
    static long since(Posterior base) {
        FamiliarityBasis of = base.getFamiliarity();
        return of == null || of.getSince() == 0 ? base.getVersion() : of.getSince();
    }
}
