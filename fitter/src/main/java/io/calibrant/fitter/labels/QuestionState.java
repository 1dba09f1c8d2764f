package io.calibrant.fitter.labels;

import io.calibrant.schemas.Keys;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.kafka.common.serialization.Serde;

/**
 * What is known of one question: by one run, or by the labels that name none. Everything that is counted is a function
 * of the two, see {@link RunQuestion}, so that what changes is the difference between before and after.
 *
 * @param labels the last one of each text
 * @param answers of one run: at most one of each checkpoint, and besides it one that another fit gave
 * @param otherTexts answers and labels that were refused, because the id stands for another text
 */
public record QuestionState(List<LabelState> labels, List<AnswerSummary> answers, long otherTexts) {
    public static final QuestionState UNKNOWN = new QuestionState(List.of(), List.of(), 0);

    public static final Serde<QuestionState> SERDE = BinaryForm.serde(QuestionState::write, QuestionState::read);

    /** What an earlier version wrote begins with a truth value, which reads as 0 or -1. */
    private static final int FORM = 4;

    /** The form of an earlier version, in which every answer was estimated. */
    private static final int ESTIMATED = 3;

    /** The form of an earlier version, in which answers had no familiarity, and no accuracy was estimated. */
    private static final int UNSCORED = 2;

    public QuestionState {
        labels = List.copyOf(labels);
        answers = List.copyOf(answers);
    }

    /** With an answer in the place of the one before it; a question for validation stays one. */
    public QuestionState with(AnswerSummary answer) {
        List<AnswerSummary> now = new ArrayList<>();
        AnswerSummary given = answer;
        for (AnswerSummary each : answers) {
            if (!answer.isLike(each)) {
                now.add(each);
            } else {
                given = answer.after(each);
            }
        }
        now.add(given);
        return new QuestionState(labels, now, otherTexts).after(answer);
    }

    /** The labels after an answer has come. */
    public QuestionState after(AnswerSummary answer) {
        QuestionState after = new QuestionState(List.of(), answers, otherTexts);
        List<LabelState> byTime = new ArrayList<>(labels);
        byTime.sort(Comparator.comparingLong(LabelState::labelled));
        for (LabelState each : byTime) {
            after = after.with(each.after(answer));
        }
        return after;
    }

    /**
     * With a label in the place of the one before it.
     *
     * @param text digest of the question's text; null where it is not known
     * @param met whether an answer is there already
     */
    public QuestionState with(String text, String label, long timestamp, boolean met) {
        return with(new LabelState(text, label, timestamp, 0, met));
    }

    private QuestionState with(LabelState label) {
        List<LabelState> now = new ArrayList<>();
        LabelState last = label;
        for (LabelState each : labels) {
            if (each.isOfText(label.text())) {
                last = each.then(label);
            } else {
                now.add(each);
            }
        }
        now.add(last);
        return new QuestionState(now, answers, otherTexts);
    }

    /** With one more record that was refused. */
    public QuestionState refusing() {
        return new QuestionState(labels, answers, otherTexts + 1);
    }

    /** Whether an answer of the fit is there that a label of this text meets; null for a text that is not known. */
    public boolean isAnswered(String text) {
        return answers.stream()
                .anyMatch(answer ->
                        !answer.isBorrowed() && (text == null || answer.text() == null || text.equals(answer.text())));
    }

    /** The texts of the answers, as far as they are known. */
    public Set<String> texts() {
        Set<String> texts = new TreeSet<>();
        answers.stream().map(AnswerSummary::text).filter(text -> text != null).forEach(texts::add);
        return texts;
    }

    /** What the run took the id for, where it is not this text; empty where that is not known. */
    public Optional<String> otherText(String text) {
        Set<String> known = texts();
        if (known.isEmpty()) {
            labels.stream().map(LabelState::text).filter(each -> each != null).forEach(known::add);
        }
        return text == null || known.isEmpty() || known.contains(text)
                ? Optional.empty()
                : Optional.of(known.iterator().next());
    }

    /**
     * As a run has it that has taken the name of deleted ones: nothing that came before its first record counts.
     *
     * @param generation of the run
     */
    public QuestionState ofGeneration(int generation) {
        return answers.stream().allMatch(answer -> Keys.isOfGeneration(generation, answer.checkpoint()))
                ? this
                : UNKNOWN;
    }

    /**
     * Without the answers that are older than a time, milliseconds. Those of a window go together, when the window is
     * past.
     */
    public QuestionState since(long time) {
        return new QuestionState(
                labels,
                answers.stream().filter(answer -> answer.windowEnd() > time).toList(),
                otherTexts);
    }

    /** Whether no answer is left, and no label that is as new as a time, milliseconds. */
    public boolean isOver(long time) {
        return answers.isEmpty() && labels.stream().allMatch(label -> label.labelled() < time);
    }

    /**
     * What an earlier version kept in one place, by run.
     *
     * @return the answers of each run; without answers nothing
     */
    public Map<String, QuestionState> byRun() {
        Map<String, QuestionState> byRun = new HashMap<>();
        for (AnswerSummary answer : answers) {
            byRun.merge(
                    answer.runId(), new QuestionState(List.of(), List.of(answer), 0), (one, other) -> one.with(answer));
        }
        return byRun;
    }

    /** The labels alone. */
    public QuestionState withoutAnswers() {
        return new QuestionState(labels, List.of(), otherTexts);
    }

    private static void write(QuestionState question, BinaryEncoder out) throws IOException {
        out.writeInt(FORM);
        out.writeInt(question.labels.size());
        for (LabelState label : question.labels) {
            LabelState.write(label, out);
        }
        out.writeInt(question.answers.size());
        for (AnswerSummary answer : question.answers) {
            AnswerSummary.write(answer, out);
            BinaryForm.optional(answer.text(), out);
            BinaryForm.optionalDouble(answer.familiarity(), out);
            FamiliarityRank.optional(answer.rank(), out);
            out.writeBoolean(answer.estimated());
        }
        out.writeLong(question.otherTexts);
    }

    private static QuestionState read(BinaryDecoder in) throws IOException {
        int form = in.readInt();
        return form >= UNSCORED && form <= FORM ? read(in, in.readInt(), form) : readEarlier(in, form != 0);
    }

    private static QuestionState read(BinaryDecoder in, int count, int form) throws IOException {
        List<LabelState> labels = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            labels.add(LabelState.read(in));
        }
        int answered = in.readInt();
        List<AnswerSummary> answers = new ArrayList<>();
        for (int i = 0; i < answered; i++) {
            AnswerSummary answer = AnswerSummary.read(in);
            String text = BinaryForm.optional(in);
            Double familiarity = form >= ESTIMATED ? BinaryForm.optionalDouble(in) : null;
            FamiliarityRank rank = form >= ESTIMATED ? FamiliarityRank.optional(in) : null;
            // What an earlier version counted tells nothing of accuracy: so it is subtracted, and counted again.
            boolean estimated = form == ESTIMATED || (form == FORM && in.readBoolean());
            answers.add(answer.with(text, familiarity, rank, estimated));
        }
        return new QuestionState(labels, answers, in.readLong());
    }

    /** One label for every run, and the answers of all of them. */
    private static QuestionState readEarlier(BinaryDecoder in, boolean labelled) throws IOException {
        String label = labelled ? in.readString() : null;
        long at = labelled ? in.readLong() : 0;
        long contradicting = labelled ? in.readLong() : 0;
        boolean answered = in.readBoolean();
        int count = in.readInt();
        List<AnswerSummary> answers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            answers.add(AnswerSummary.read(in));
        }
        return new QuestionState(
                labelled ? List.of(new LabelState(null, label, at, contradicting, answered)) : List.of(), answers, 0);
    }
}
