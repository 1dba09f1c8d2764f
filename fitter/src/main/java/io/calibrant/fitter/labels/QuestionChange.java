package io.calibrant.fitter.labels;

import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.kafka.common.serialization.Serde;

/** What an answer or a label changes in topic calibration and in the calibration of a posterior. */
public sealed interface QuestionChange {
    /**
     * A change of one record of topic calibration, by its key.
     *
     * @param difference to be added; null, as an earlier version sent it, where the record is deleted
     * @param asked the question that was answered for the first time; null for none, or where its familiarity is not
     *     known
     */
    record OfCounts(CalibrationCounts difference, AskedQuestion asked) implements QuestionChange {
        public static final Serde<OfCounts> SERDE = BinaryForm.serde(
                (change, out) -> {
                    out.writeBoolean(change.difference != null);
                    if (change.difference != null) {
                        CalibrationCounts.write(change.difference, out);
                    }
                    AskedQuestion.optional(change.asked, out);
                    if (change.difference != null) {
                        change.difference.writeAlone(out);
                    }
                },
                OfCounts::read);

        private static OfCounts read(BinaryDecoder in) throws IOException {
            CalibrationCounts difference = in.readBoolean() ? CalibrationCounts.read(in) : null;
            AskedQuestion asked = in.isEnd() ? null : AskedQuestion.optional(in); // an earlier version ends here
            return new OfCounts(difference == null ? null : difference.withAlone(in), asked);
        }

        /** A change of counts alone. */
        public OfCounts(CalibrationCounts difference) {
            this(difference, null);
        }

        /**
         * The record after it; null for none. What ever held an answer stays until that is forgotten, so that its time
         * does not depend on order.
         */
        public CalibrationCounts appliedTo(CalibrationCounts before) {
            if (difference == null) {
                return null;
            }
            CalibrationCounts after = before.plus(difference);
            return after.isEmpty() && (after.newest() == 0 || difference.isForgetting()) ? null : after;
        }
    }

    /**
     * A change of what a fit is calibrated on, by the fit's key.
     *
     * @param answer what the question now contributes; null for nothing
     */
    record OfAnswer(String questionId, CalibrationAnswer answer) implements QuestionChange, CalibrationInput {
        public static final Serde<OfAnswer> SERDE = BinaryForm.serde(
                (change, out) -> {
                    out.writeString(change.questionId);
                    out.writeBoolean(change.answer != null);
                    if (change.answer != null) {
                        CalibrationAnswer.write(change.answer, out);
                    }
                },
                in -> new OfAnswer(in.readString(), in.readBoolean() ? CalibrationAnswer.read(in) : null));
    }
}
