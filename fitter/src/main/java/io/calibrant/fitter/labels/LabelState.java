package io.calibrant.fitter.labels;

import java.io.IOException;
import java.util.Objects;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;

/**
 * The last label of a question of one text.
 *
 * @param text digest of the question's text; null where it is not known
 * @param label one of the question's choices
 * @param labelled when it came, milliseconds
 * @param contradicting labels so far that were another than the one before
 * @param met whether an answer of the fit ever met it, though that may be too old to be kept
 */
record LabelState(String text, String label, long labelled, long contradicting, boolean met) {
    /** Whether it is the label of an answer. */
    boolean isOf(AnswerSummary answer) {
        return text == null || answer.text() == null || text.equals(answer.text());
    }

    /** The label that comes after it. */
    LabelState then(LabelState next) {
        boolean contradicts = !label.equals(next.label);
        return new LabelState(
                next.text,
                next.label,
                next.labelled,
                contradicting + next.contradicting + (contradicts ? 1 : 0),
                met || next.met);
    }

    /** The same after an answer has come. */
    LabelState after(AnswerSummary answer) {
        if (!isOf(answer)) {
            return this;
        }
        // What says nothing of its text takes that of the first answer: a second text is not meant by it.
        return new LabelState(
                text == null ? answer.text() : text, label, labelled, contradicting, met || !answer.isBorrowed());
    }

    boolean isOfText(String other) {
        return Objects.equals(text, other);
    }

    static void write(LabelState state, BinaryEncoder out) throws IOException {
        BinaryForm.optional(state.text, out);
        out.writeString(state.label);
        out.writeLong(state.labelled);
        out.writeLong(state.contradicting);
        out.writeBoolean(state.met);
    }

    static LabelState read(BinaryDecoder in) throws IOException {
        return new LabelState(BinaryForm.optional(in), in.readString(), in.readLong(), in.readLong(), in.readBoolean());
    }
}
