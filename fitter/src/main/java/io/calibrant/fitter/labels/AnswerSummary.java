package io.calibrant.fitter.labels;

import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.monitoring.CalibrationEvidence;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Purpose;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;

/**
 * An answer, reduced to what counting and calibration need.
 *
 * @param version of the posterior that made it; {@link #BORROWED} where another fit made it
 * @param timestamp milliseconds
 * @param window length of the window it is counted in, milliseconds
 * @param labels of the choices
 * @param map MAP probabilities
 * @param temperature temperature-scaled ones, null for none
 * @param served probabilities as served
 * @param mean contrast means; null unless it is an answer for validation
 * @param covariance of the contrasts, row-major; null unless it is one for validation that rests on all blocks
 * @param text digest of the question's text; null where it is not known
 * @param familiarity the question's score, of an answer for validation or of an unfamiliar question; else null
 * @param rank where the question stands among the calibration scores; null where that is not known
 * @param estimated whether it counts in estimates of accuracy and as evidence; false of what an earlier version counted
 */
public record AnswerSummary(
        String runId,
        String checkpoint,
        long version,
        long timestamp,
        long window,
        List<String> labels,
        List<Double> map,
        List<Double> temperature,
        List<Double> served,
        List<Double> mean,
        List<Double> covariance,
        String text,
        Double familiarity,
        FamiliarityRank rank,
        boolean estimated) {
    /**
     * In place of a version: another fit of the same weights gave the answer. Its mean is that of any fit, and so is T;
     * its covariance and what was served are its own, so nothing else of it counts.
     */
    static final long BORROWED = Long.MAX_VALUE;

    /** Another fit's answer for validation. */
    public static AnswerSummary borrowed(Answer answer, long timestamp, long window) {
        AnswerSummary given = of(answer, timestamp, window);
        return new AnswerSummary(
                given.runId,
                given.checkpoint,
                BORROWED,
                timestamp,
                window,
                given.labels,
                given.map,
                null,
                given.served,
                given.mean,
                null,
                given.text,
                null,
                null,
                given.estimated);
    }

    public static AnswerSummary of(Answer answer, long timestamp, long window) {
        boolean forValidation = answer.getPurpose() == Purpose.VALIDATION;
        List<Double> covariance = new ArrayList<>();
        answer.getContrastCovariance().forEach(covariance::addAll);
        return new AnswerSummary(
                answer.getRunId(),
                answer.getCheckpoint(),
                answer.getPosteriorVersion(),
                timestamp,
                window,
                List.copyOf(answer.getLabels()),
                answer.getMapProbabilities(),
                answer.getTemperatureProbabilities(),
                answer.getProbabilities(),
                forValidation ? answer.getContrastMean() : null,
                forValidation && AnswerCheck.restsOnAllBlocks(answer) ? covariance : null,
                answer.getTextDigest(),
                forValidation || isUnfamiliar(answer) ? answer.getFamiliarity() : null,
                FamiliarityRank.of(answer),
                true);
    }

    private static boolean isUnfamiliar(Answer answer) {
        return answer.getFamiliarityP() != null && ScoreCalibration.isUnfamiliar(answer.getFamiliarityP());
    }

    /**
     * This answer in the place of the one before it. One that is not for validation takes nothing from the calibration:
     * what the one before it contributes stays. So does the score of a question that was unfamiliar: it is familiar now
     * because that score counts.
     */
    AnswerSummary after(AnswerSummary before) {
        boolean nothingStays = before.mean == null && (before.familiarity == null || familiarity != null);
        return mean != null || nothingStays
                ? this
                : new AnswerSummary(
                        runId,
                        checkpoint,
                        before.version,
                        timestamp,
                        window,
                        labels,
                        map,
                        temperature,
                        served,
                        before.mean,
                        before.covariance,
                        text,
                        before.familiarity,
                        rank,
                        estimated);
    }

    AnswerSummary with(String digest, Double score, FamiliarityRank known, boolean counted) {
        return new AnswerSummary(
                runId,
                checkpoint,
                version,
                timestamp,
                window,
                labels,
                map,
                temperature,
                served,
                mean,
                covariance,
                digest,
                score,
                known,
                counted);
    }

    /** When the window is past that it is counted in, milliseconds. */
    long windowEnd() {
        return (Math.floorDiv(timestamp, window) + 1) * window;
    }

    /** Whether another fit gave it. */
    public boolean isBorrowed() {
        return version == BORROWED;
    }

    /** Whether it stands for the same weights, and is this fit's own or not as the other is. */
    boolean isLike(AnswerSummary other) {
        return runId.equals(other.runId) && checkpoint.equals(other.checkpoint) && isBorrowed() == other.isBorrowed();
    }

    /** What it adds to its window and to the total of its fit. */
    public CalibrationCounts counts(String label, long contradicting) {
        int index = label == null ? -1 : labels.indexOf(label);
        if (index < 0) {
            return counted(label == null ? 1 : 0, label == null ? 0 : 1, contradicting, -1, MetricSums.NONE);
        }
        return counted(0, 0, contradicting, index, sums(served, index));
    }

    private CalibrationCounts counted(long waiting, long unusable, long contradicting, int index, MetricSums ofServed) {
        double[] probabilities = array(served);
        boolean labelled = index >= 0;
        boolean alone = labelled && temperature == null && estimated; // an earlier version has not counted it there
        return new CalibrationCounts(
                waiting,
                unusable,
                contradicting,
                0,
                labelled ? sums(map, index) : MetricSums.NONE,
                labelled && temperature != null ? sums(temperature, index) : MetricSums.NONE,
                ofServed,
                timestamp,
                0,
                estimated && !isForValidation()
                        ? AccuracyParts.of(confidence(probabilities), ofServed, rank)
                        : AccuracyParts.ofValidation(ofServed),
                estimated && !isForValidation() ? evidence(probabilities, index) : CalibrationEvidence.NONE,
                alone ? sums(map, index) : MetricSums.NONE,
                alone ? ofServed : MetricSums.NONE);
    }

    private CalibrationEvidence evidence(double[] probabilities, int index) {
        return index < 0
                ? CalibrationEvidence.answered(timestamp)
                : CalibrationEvidence.of(timestamp, probabilities, index);
    }

    private static double confidence(double[] probabilities) {
        return Math.min(1, Arrays.stream(probabilities).max().orElse(0));
    }

    /** Whether it is one for validation, or has replaced one. */
    boolean isForValidation() {
        return mean != null;
    }

    private static MetricSums sums(List<Double> probabilities, int index) {
        return MetricSums.of(new LabelledProbabilities(array(probabilities), index));
    }

    private static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** What it contributes to the calibration with a label; without one its covariance; null for nothing. */
    CalibrationAnswer calibrationAnswer(String label, long labelled) {
        int index = label == null ? -1 : labels.indexOf(label);
        long later = Math.max(timestamp, labelled);
        if (mean == null) {
            return index < 0 || familiarity == null
                    ? null
                    : CalibrationAnswer.forFamiliarity(version, familiarity, later);
        }
        if (index >= 0) {
            return new CalibrationAnswer(version, index, mean, covariance, later, familiarity);
        }
        return covariance == null
                ? null
                : new CalibrationAnswer(
                        version, CalibrationAnswer.UNLABELLED, mean, covariance, timestamp, familiarity);
    }

    /** But for its text, its familiarity, its rank and whether it is estimated, which earlier versions did not have. */
    static void write(AnswerSummary answer, BinaryEncoder out) throws IOException {
        out.writeString(answer.runId);
        out.writeString(answer.checkpoint);
        out.writeLong(answer.version);
        out.writeLong(answer.timestamp);
        out.writeLong(answer.window);
        BinaryForm.strings(answer.labels, out);
        BinaryForm.doubles(answer.map, out);
        BinaryForm.doubles(answer.temperature, out);
        BinaryForm.doubles(answer.served, out);
        BinaryForm.doubles(answer.mean, out);
        BinaryForm.doubles(answer.covariance, out);
    }

    static AnswerSummary read(BinaryDecoder in) throws IOException {
        return new AnswerSummary(
                in.readString(),
                in.readString(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                BinaryForm.strings(in),
                BinaryForm.doubles(in),
                BinaryForm.doubles(in),
                BinaryForm.doubles(in),
                BinaryForm.doubles(in),
                BinaryForm.doubles(in),
                null,
                null,
                null,
                false);
    }
}
