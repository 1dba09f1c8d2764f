package io.calibrant.fitter.posteriors;

import io.calibrant.fitter.calibration.CalibrationResult;
import io.calibrant.fitter.calibration.Calibrator;
import io.calibrant.fitter.calibration.CrossValidation;
import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PriorObjective;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * Calibrates a posterior on labels (method.md section 5c): temperature, (T, c), which of them serves, and where asked
 * the prior. A function of its input set alone: not of the order in which that came, nor of the time.
 */
public final class LabelCalibration {
    private static final double ROUNDING = 1e-9;

    private final PriorObjective objective;
    private final PosteriorFactory factory;
    private final PriorCalibration priors;
    private final Calibrator calibrator = new Calibrator();

    public LabelCalibration(PriorObjective objective, PosteriorFactory factory) {
        this.objective = objective;
        this.factory = factory;
        priors = new PriorCalibration(factory);
    }

    /**
     * What came of a calibration.
     *
     * @param posterior the calibrated one; null where it failed
     * @param failure what it failed by; null where it did not
     * @param unusable the questions whose records alone make it fail, if it is they
     */
    public record Outcome(Posterior posterior, RuntimeException failure, List<String> unusable) {}

    /** {@link #of}, and where it fails, by which questions. */
    public Outcome attempt(CalibrationSet set) {
        try {
            return new Outcome(of(set), null, List.of());
        } catch (RuntimeException e) {
            return new Outcome(null, e, unusable(set));
        }
    }

    /** The questions that make it fail one by one; none where it fails without any. */
    private List<String> unusable(CalibrationSet set) {
        if (fails(set.without(id -> true))) {
            return List.of();
        }
        Set<String> ids = new TreeSet<>(set.answers().keySet());
        ids.addAll(set.statistics().keySet());
        return ids.stream()
                .filter(id -> fails(set.without(other -> !other.equals(id))))
                .toList();
    }

    private boolean fails(CalibrationSet set) {
        try {
            of(set);
            return false;
        } catch (RuntimeException e) {
            return true;
        }
    }

    /**
     * The calibrated posterior, under the version of the base.
     *
     * <p>With a prior that labels choose, the questions that choose it are also those that (T, c) is fitted to, at that
     * prior. Otherwise the answers count that were made with the factors and the prior of the base. Where some of them
     * rest on all blocks, only these do; where none does there is no covariance to scale, and (T, c) is left out.
     */
    public Posterior of(CalibrationSet set) {
        PriorCalibration.Found found = objective == PriorObjective.VALIDATION ? priors.of(set) : null;
        if (found != null) {
            return calibrated(found.posterior(), found.answers(), true, set);
        }
        Posterior base = atTheEvidence(set);
        List<LabelledContrasts> whole = new ArrayList<>();
        List<LabelledContrasts> meansOnly = new ArrayList<>();
        if (samePrior(base, set.base())) {
            set.answers().forEach((id, answer) -> {
                if (answer.version() >= base.getVersion()) {
                    (answer.covariance() == null ? meansOnly : whole).add(answer.labelled(id));
                }
            });
        }
        boolean scaled = !whole.isEmpty() || meansOnly.isEmpty();
        return calibrated(base, scaled ? whole : meansOnly, scaled, set);
    }

    /** The base, or where labels have chosen its prior under another setting, the one whose evidence is largest. */
    private Posterior atTheEvidence(CalibrationSet set) {
        return set.base().getObjective() == PriorObjective.EVIDENCE
                ? set.base()
                : factory.with(factory.evidence(set.spectra()).lambdas(), set.base(), set.spectra());
    }

    private Posterior calibrated(
            Posterior uncalibrated, List<LabelledContrasts> answers, boolean scaled, CalibrationSet set) {
        long newest = uncalibrated.getTimestamp().toEpochMilli();
        for (LabelledContrasts answer : answers) {
            newest = Math.max(newest, set.answers().get(answer.questionId()).timestamp());
        }
        CalibrationResult calibrated = calibrator.calibrate(answers);
        Posterior.Builder posterior = Posterior.newBuilder(uncalibrated)
                .setLabels(calibrated.labels())
                .setCalibration(
                        scaled ? Calibration.valueOf(calibrated.serving().name()) : Calibration.TEMPERATURE)
                .setTimestamp(Instant.ofEpochMilli(newest));
        if (calibrated.labels() > 0) {
            posterior.setTemperature(calibrated.temperature());
            calibrated.crossValidation().map(CrossValidation::temperatureNll).ifPresent(posterior::setTemperatureNll);
        }
        if (calibrated.labels() > 0 && scaled) {
            posterior.setVarianceTemperature(calibrated.variance().temperature());
            posterior.setVarianceScale(calibrated.variance().scale());
            calibrated.crossValidation().map(CrossValidation::varianceNll).ifPresent(posterior::setVarianceNll);
            calibrated.crossValidation().map(CrossValidation::standardError).ifPresent(posterior::setNllStandardError);
        }
        return PosteriorFactory.usable(posterior.build());
    }

    /** A posterior as it was before its calibration. */
    public static Posterior uncalibrated(Posterior calibrated) {
        return Posterior.newBuilder(calibrated)
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

    /** Whether two posteriors of the same factors are equal up to rounding. Versions and times are not compared. */
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

    /** Whether two posteriors have the same prior precisions, up to rounding. */
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
