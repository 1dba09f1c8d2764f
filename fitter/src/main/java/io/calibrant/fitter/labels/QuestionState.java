package io.calibrant.fitter.labels;

import io.calibrant.schemas.Keys;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.kafka.common.serialization.Serde;

/**
 * What is known of one question: its last label, and its last answer of every run and checkpoint. Everything that is
 * counted of a question is a function of this, so that what changes is the difference between two of them.
 *
 * @param label the last label; null for none
 * @param labelled when that came, milliseconds
 * @param contradicting labels so far that were another than the one before
 * @param answered whether it ever had an answer, though it may be too old to be kept
 * @param answers at most one of each run and checkpoint, and besides it one that another fit gave
 */
public record QuestionState(
        String label, long labelled, long contradicting, boolean answered, List<AnswerSummary> answers) {
    public static final QuestionState UNKNOWN = new QuestionState(null, 0, 0, false, List.of());

    public static final Serde<QuestionState> SERDE = BinaryForm.serde(QuestionState::write, QuestionState::read);

    public QuestionState with(AnswerSummary answer) {
        List<AnswerSummary> now = new ArrayList<>(answers);
        now.removeIf(answer::isLike);
        now.add(answer);
        return new QuestionState(label, labelled, contradicting, answered || !answer.isBorrowed(), List.copyOf(now));
    }

    public QuestionState with(String newLabel, long timestamp) {
        boolean contradicts = label != null && !label.equals(newLabel);
        return new QuestionState(newLabel, timestamp, contradicting + (contradicts ? 1 : 0), answered, answers);
    }

    /**
     * Without what is older than a time, milliseconds; null where nothing is left. The answers of a window go together,
     * when the window is past.
     */
    public QuestionState since(long time) {
        List<AnswerSummary> kept =
                answers.stream().filter(answer -> answer.windowEnd() > time).toList();
        return kept.isEmpty() && (label == null || labelled < time)
                ? null
                : new QuestionState(label, labelled, contradicting, answered, kept);
    }

    /** What the question adds to each record of topic calibration, by key. */
    public Map<String, CalibrationCounts> counts(String fit) {
        Map<String, CalibrationCounts> byKey = new TreeMap<>();
        for (AnswerSummary answer : answers) {
            if (answer.isBorrowed()) {
                continue; // it is counted in its own fit
            }
            CalibrationCounts counts = answer.counts(label, contradicting);
            byKey.put(Keys.calibration(answer.runId(), answer.checkpoint(), fit, CalibrationWindow.TOTAL), counts);
            byKey.put(
                    Keys.calibration(
                            answer.runId(),
                            answer.checkpoint(),
                            fit,
                            CalibrationWindow.of(answer.timestamp(), answer.window())
                                    .name()),
                    counts);
        }
        if (!answered && label != null) {
            byKey.put(
                    Keys.calibration("", "", fit, CalibrationWindow.TOTAL),
                    new CalibrationCounts(
                            0,
                            0,
                            contradicting,
                            1,
                            CalibrationCounts.NONE.map(),
                            CalibrationCounts.NONE.map(),
                            CalibrationCounts.NONE.map(),
                            0));
        }
        return byKey;
    }

    /** What the question contributes to the calibration of each fit, by the key of the fit. */
    public Map<String, CalibrationAnswer> calibrationAnswers(String fit) {
        Map<String, CalibrationAnswer> byFit = new TreeMap<>();
        for (AnswerSummary answer : answers) {
            CalibrationAnswer says = answer.calibrationAnswer(label, labelled);
            if (says != null) {
                String key = Keys.fit(answer.runId(), answer.checkpoint(), fit);
                byFit.merge(key, says, (one, other) -> one.version() == AnswerSummary.BORROWED ? other : one);
            }
        }
        return byFit;
    }

    private static void write(QuestionState question, BinaryEncoder out) throws IOException {
        out.writeBoolean(question.label != null);
        if (question.label != null) {
            out.writeString(question.label);
            out.writeLong(question.labelled);
            out.writeLong(question.contradicting);
        }
        out.writeBoolean(question.answered);
        out.writeInt(question.answers.size());
        for (AnswerSummary answer : question.answers) {
            AnswerSummary.write(answer, out);
        }
    }

    private static QuestionState read(BinaryDecoder in) throws IOException {
        boolean isLabelled = in.readBoolean();
        String label = isLabelled ? in.readString() : null;
        long labelled = isLabelled ? in.readLong() : 0;
        long contradicting = isLabelled ? in.readLong() : 0;
        boolean answered = in.readBoolean();
        int count = in.readInt();
        List<AnswerSummary> answers = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            answers.add(AnswerSummary.read(in));
        }
        return new QuestionState(label, labelled, contradicting, answered, List.copyOf(answers));
    }
}
