package io.calibrant.fitter.labels;

import io.calibrant.fitter.calibration.LabelledContrasts;
import io.calibrant.schemas.avro.Answer;
import java.io.IOException;
import java.util.List;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.kafka.common.serialization.Serde;

/**
 * What a question contributes to the calibration: an answer for validation, with its label what temperature and (T, c)
 * are fitted to, and its covariance, of which the noise of a logit is read. Of another labelled answer, if it was
 * unfamiliar, the familiarity alone.
 *
 * @param version of the posterior that made it
 * @param label index of the true class; {@link #UNLABELLED} where it is not known, {@link #FOR_NOISE} and
 *     {@link #FOR_FAMILIARITY} where none is asked for
 * @param mean contrast means [C - 1]; empty where it is for its familiarity
 * @param covariance their covariance [(C - 1) (C - 1)]; null where the answer does not rest on all blocks
 * @param timestamp of answer or label, whichever is the later, milliseconds
 * @param familiarity the question's score; null where it is not known, or another fit's
 */
public record CalibrationAnswer(
        long version, int label, List<Double> mean, List<Double> covariance, long timestamp, Double familiarity) {
    /** In place of a label: none is known. */
    static final int UNLABELLED = -1;

    /** In place of a label: the question is a training question, asked for its covariance alone. */
    static final int FOR_NOISE = -2;

    /** In place of a label: an answer that was not for validation, of which the familiarity alone counts. */
    static final int FOR_FAMILIARITY = -3;

    public static final Serde<CalibrationAnswer> SERDE =
            BinaryForm.serde(CalibrationAnswer::write, CalibrationAnswer::read);

    /** Of a question that was asked for the noise of a logit; its answer has passed {@link AnswerCheck}. */
    public static CalibrationAnswer forNoise(Answer answer, long timestamp) {
        return new CalibrationAnswer(
                answer.getPosteriorVersion(),
                FOR_NOISE,
                answer.getContrastMean(),
                answer.getContrastCovariance().stream().flatMap(List::stream).toList(),
                timestamp,
                null);
    }

    /** Of a labelled question that was not asked for validation, and was unfamiliar. */
    static CalibrationAnswer forFamiliarity(long version, double familiarity, long timestamp) {
        return new CalibrationAnswer(version, FOR_FAMILIARITY, List.of(), null, timestamp, familiarity);
    }

    /** Whether the true class is known. */
    public boolean isLabelled() {
        return label >= 0;
    }

    /** Whether it is for its familiarity alone. */
    public boolean isForFamiliarity() {
        return label == FOR_FAMILIARITY;
    }

    /** Whether it is a training question's, which no label can calibrate. */
    public boolean isForNoise() {
        return label == FOR_NOISE;
    }

    /** The same as input of the calibration; the covariance is zero where the answer does not rest on all blocks. */
    public LabelledContrasts labelled(String questionId) {
        return new LabelledContrasts(
                questionId, mean.stream().mapToDouble(Double::doubleValue).toArray(), sigma(), label);
    }

    /** The covariance [C - 1, C - 1]; zero where the answer does not rest on all blocks. */
    public double[][] sigma() {
        int contrasts = mean.size();
        double[][] sigma = new double[contrasts][contrasts];
        for (int i = 0; i < contrasts && covariance != null; i++) {
            for (int j = 0; j < contrasts; j++) {
                sigma[i][j] = covariance.get(i * contrasts + j);
            }
        }
        return sigma;
    }

    static void write(CalibrationAnswer answer, BinaryEncoder out) throws IOException {
        out.writeLong(answer.version);
        out.writeInt(answer.label);
        BinaryForm.doubles(answer.mean, out);
        BinaryForm.doubles(answer.covariance, out);
        out.writeLong(answer.timestamp);
        BinaryForm.optionalDouble(answer.familiarity, out);
    }

    static CalibrationAnswer read(BinaryDecoder in) throws IOException {
        return new CalibrationAnswer(
                in.readLong(),
                in.readInt(),
                BinaryForm.doubles(in),
                BinaryForm.doubles(in),
                in.readLong(),
                in.isEnd() ? null : BinaryForm.optionalDouble(in)); // an earlier version ends here
    }
}
