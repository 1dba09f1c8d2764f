package io.calibrant.fitter.labels;

import io.calibrant.fitter.calibration.LabelledContrasts;
import java.io.IOException;
import java.util.List;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.kafka.common.serialization.Serde;

/**
 * A validation answer with its label: what temperature and (T, c) are fitted to.
 *
 * @param version of the posterior that made it
 * @param label index of the true class
 * @param mean contrast means [C - 1]
 * @param covariance their covariance [(C - 1) (C - 1)]; null where the answer does not rest on all blocks
 * @param timestamp of answer or label, whichever is the later, milliseconds
 */
public record CalibrationAnswer(long version, int label, List<Double> mean, List<Double> covariance, long timestamp) {
    public static final Serde<CalibrationAnswer> SERDE =
            BinaryForm.serde(CalibrationAnswer::write, CalibrationAnswer::read);

    /** The same as input of the calibration; the covariance is zero where the answer does not rest on all blocks. */
    public LabelledContrasts labelled(String questionId) {
        int contrasts = mean.size();
        double[][] sigma = new double[contrasts][contrasts];
        for (int i = 0; i < contrasts && covariance != null; i++) {
            for (int j = 0; j < contrasts; j++) {
                sigma[i][j] = covariance.get(i * contrasts + j);
            }
        }
        return new LabelledContrasts(
                questionId, mean.stream().mapToDouble(Double::doubleValue).toArray(), sigma, label);
    }

    static void write(CalibrationAnswer answer, BinaryEncoder out) throws IOException {
        out.writeLong(answer.version);
        out.writeInt(answer.label);
        BinaryForm.doubles(answer.mean, out);
        BinaryForm.doubles(answer.covariance, out);
        out.writeLong(answer.timestamp);
    }

    static CalibrationAnswer read(BinaryDecoder in) throws IOException {
        return new CalibrationAnswer(
                in.readLong(), in.readInt(), BinaryForm.doubles(in), BinaryForm.doubles(in), in.readLong());
    }
}
