package io.calibrant.fitter.labels;

import org.apache.kafka.common.serialization.Serde;

/** What an answer or a label changes elsewhere. */
public sealed interface Joined {
    /**
     * A change of one record of topic calibration, by its key.
     *
     * @param difference to be added; null where the record is too old and goes
     */
    record OfTally(Tally difference) implements Joined {
        public static final Serde<OfTally> SERDE = BinaryForm.serde(
                (change, out) -> {
                    out.writeBoolean(change.difference != null);
                    if (change.difference != null) {
                        Tally.write(change.difference, out);
                    }
                },
                in -> new OfTally(in.readBoolean() ? Tally.read(in) : null));

        /**
         * The record after it; null for none. What ever held an answer stays, so that its time does not depend on
         * order.
         */
        public Tally appliedTo(Tally before) {
            Tally after = difference == null ? Tally.NONE : before.plus(difference);
            return after.isEmpty() && after.newest() == 0 ? null : after;
        }
    }

    /**
     * A change of what a fit is tuned on, by the fit's key.
     *
     * @param answer what the question now says; null where it no longer says anything
     */
    record OfTuning(String questionId, TuningAnswer answer) implements Joined, TuningInput {
        public static final Serde<OfTuning> SERDE = BinaryForm.serde(
                (change, out) -> {
                    out.writeString(change.questionId);
                    out.writeBoolean(change.answer != null);
                    if (change.answer != null) {
                        TuningAnswer.write(change.answer, out);
                    }
                },
                in -> new OfTuning(in.readString(), in.readBoolean() ? TuningAnswer.read(in) : null));
    }
}
