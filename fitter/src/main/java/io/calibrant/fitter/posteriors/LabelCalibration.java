package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.CrossValidation;
import io.calibrant.fitter.calibration.LabelledAnswer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PriorObjective;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The posterior as labels want it (method, section 5c and "Which one serves"). A function of the set alone: not of the
 * order in which it came, nor of the time.
 */
public final class LabelCalibration {
    private static final double ROUNDING = 1e-9;

    private final PriorObjective objective;
    private final PosteriorFactory maker;
    private final PriorCalibration priors;
    private final Calibrator tuning = new Calibrator();

    public LabelCalibration(PriorObjective objective, PosteriorFactory maker) {
        this.objective = objective;
        this.maker = maker;
        priors = new PriorCalibration(maker);
    }

    /**
     * The tuned posterior, under the version of the base.
     *
     * <p>With a prior that labels choose, the questions that choose it are also those that (T, c) is tuned on, at that
     * prior. Else the answers count that the base's factors and prior made. Where some of them rest on all blocks, only
     * these do; where none does there is no covariance to scale, and (T, c) is left out.
     */
    public Posterior of(CalibrationSet set) {
        PriorCalibration.Found found = objective == PriorObjective.VALIDATION ? priors.of(set) : null;
        if (found != null) {
            return tuned(found.posterior(), found.answers(), true, set);
        }
        Posterior base = atTheEvidence(set);
        List<LabelledAnswer> whole = new ArrayList<>();
        List<LabelledAnswer> meansOnly = new ArrayList<>();
        if (samePrior(base, set.base())) {
            set.answers().forEach((id, answer) -> {
                if (answer.version() >= base.getVersion()) {
                    (answer.covariance() == null ? meansOnly : whole).add(answer.labelled(id));
                }
            });
        }
        boolean scaled = !whole.isEmpty() || meansOnly.isEmpty();
        return tuned(base, scaled ? whole : meansOnly, scaled, set);
    }

    /** The base, or where labels have chosen its prior under another setting, the one whose evidence is largest. */
    private Posterior atTheEvidence(CalibrationSet set) {
        return set.base().getObjective() == PriorObjective.EVIDENCE
                ? set.base()
                : maker.with(maker.evidence(set.spectra()).lambdas(), set.base(), set.spectra());
    }

    private Posterior tuned(Posterior untuned, List<LabelledAnswer> answers, boolean scaled, CalibrationSet set) {
        long newest = untuned.getTimestamp().toEpochMilli();
        for (LabelledAnswer answer : answers) {
            newest = Math.max(newest, set.answers().get(answer.questionId()).timestamp());
        }
        CalibrationResult tuned = tuning.tune(answers);
        Posterior.Builder posterior = Posterior.newBuilder(untuned)
                .setLabels(tuned.labels())
                .setCalibration(scaled ? Calibration.valueOf(tuned.serving().name()) : Calibration.TEMPERATURE)
                .setTimestamp(Instant.ofEpochMilli(newest));
        if (tuned.labels() > 0) {
            posterior.setTemperature(tuned.temperature());
            tuned.crossValidation().map(CrossValidation::temperatureNll).ifPresent(posterior::setTemperatureNll);
        }
        if (tuned.labels() > 0 && scaled) {
            posterior.setVarianceTemperature(tuned.variance().temperature());
            posterior.setVarianceScale(tuned.variance().scale());
            tuned.crossValidation().map(CrossValidation::varianceNll).ifPresent(posterior::setVarianceNll);
            tuned.crossValidation().map(CrossValidation::standardError).ifPresent(posterior::setNllStandardError);
        }
        return posterior.build();
    }

    /** A tuned posterior as it was before. */
    public static Posterior untuned(Posterior tuned) {
        return Posterior.newBuilder(tuned)
                .setLabels(0)
                .setCalibration(Calibration.EVIDENCE)
                .setTemperature(null)
                .setTemperatureNll(null)
                .setVarianceTemperature(null)
                .setVarianceScale(null)
                .setVarianceNll(null)
                .setNllStandardError(null)
                .build();
    }

    /**
     * Whether two posteriors of the same factors say the same, but for rounding. Versions and times are not compared.
     */
    public static boolean same(Posterior one, Posterior other) {
        boolean same = one.getLabels() == other.getLabels()
                && one.getCalibration() == other.getCalibration()
                && one.getObjective() == other.getObjective()
                && one.getBlocks().size() == other.getBlocks().size()
                && near(one.getTemperature(), other.getTemperature())
                && near(one.getVarianceTemperature(), other.getVarianceTemperature())
                && near(one.getVarianceScale(), other.getVarianceScale())
                && near(one.getTemperatureNll(), other.getTemperatureNll())
                && near(one.getVarianceNll(), other.getVarianceNll())
                && near(one.getNllStandardError(), other.getNllStandardError())
                && near(one.getValidationNll(), other.getValidationNll());
        return same && samePrior(one, other);
    }

    /** Whether two posteriors stand on the same prior precisions, but for rounding. */
    public static boolean samePrior(Posterior one, Posterior other) {
        for (int i = 0; i < one.getBlocks().size(); i++) {
            if (!near(
                    one.getBlocks().get(i).getLambda(), other.getBlocks().get(i).getLambda())) {
                return false;
            }
        }
        return true;
    }

    private static boolean near(Double one, Double other) {
        if (one == null || other == null) {
            return Objects.equals(one, other);
        }
        return Math.abs(one - other) <= ROUNDING * (Math.abs(one) + Math.abs(other));
    }
}
