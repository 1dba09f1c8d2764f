package io.calibrant.fitter.labels;

import io.calibrant.schemas.Keys;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A question as one run has it. Its label is the newest of those that name the run and of those that name none, as far
 * as they are of the answer's text; of one time, the one that says more.
 *
 * @param run its name
 * @param own its answers, and the labels that name it
 * @param shared the labels that name no run
 */
public record RunQuestion(String run, QuestionState own, QuestionState shared) {
    /** A label with how much it says. */
    private record Candidate(LabelState state, int says) {}

    /** What the question adds to each record of topic calibration, by key. */
    public Map<String, CalibrationCounts> counts(String fit) {
        Map<String, CalibrationCounts> byKey = new TreeMap<>();
        for (AnswerSummary answer : own.answers()) {
            if (answer.isBorrowed()) {
                continue; // it is counted in its own fit
            }
            List<LabelState> labels = labels(answer);
            String label =
                    labels.isEmpty() ? null : labels.get(labels.size() - 1).label();
            CalibrationCounts counts = answer.counts(label, contradicting(labels));
            byKey.put(Keys.calibration(run, answer.checkpoint(), fit, CalibrationWindow.TOTAL), counts);
            byKey.put(
                    Keys.calibration(
                            run,
                            answer.checkpoint(),
                            fit,
                            CalibrationWindow.of(answer.timestamp(), answer.window())
                                    .name()),
                    counts);
        }
        byKey.putAll(waiting(run, own, fit));
        return byKey;
    }

    /**
     * The questions that the fit answers for the first time, by the key of the total that they belong to. Those for
     * validation are of the training kind, and are left out.
     *
     * @param before the same question before that
     */
    public Map<String, AskedQuestion> asked(RunQuestion before, String fit) {
        Map<String, AskedQuestion> byKey = new TreeMap<>();
        for (AnswerSummary answer : own.answers()) {
            if (answer.rank() != null
                    && !answer.isBorrowed()
                    && !answer.isForValidation()
                    && before.own.answers().stream().noneMatch(answer::isLike)) {
                byKey.put(
                        Keys.calibration(run, answer.checkpoint(), fit, CalibrationWindow.TOTAL),
                        new AskedQuestion(answer.timestamp(), answer.rank()));
            }
        }
        return byKey;
    }

    /**
     * The labels that no answer has met, and what was refused: they name no checkpoint.
     *
     * @param run that they name; empty for none
     */
    public static Map<String, CalibrationCounts> waiting(String run, QuestionState state, String fit) {
        long unanswered = 0;
        long contradicting = 0;
        for (LabelState label : state.labels()) {
            if (!label.met()) {
                unanswered++;
                contradicting += label.contradicting();
            }
        }
        return unanswered + state.otherTexts() == 0
                ? Map.of()
                : Map.of(
                        Keys.calibration(run, "", fit, CalibrationWindow.TOTAL),
                        CalibrationCounts.of(0, 0, contradicting, unanswered, state.otherTexts()));
    }

    /** What the question contributes to the calibration of each fit, by the key of the fit. */
    public Map<String, CalibrationAnswer> calibrationAnswers(String fit) {
        Map<String, CalibrationAnswer> byFit = new TreeMap<>();
        for (AnswerSummary answer : own.answers()) {
            List<LabelState> labels = labels(answer);
            LabelState label = labels.isEmpty() ? null : labels.get(labels.size() - 1);
            CalibrationAnswer says = answer.calibrationAnswer(
                    label == null ? null : label.label(), label == null ? 0 : label.labelled());
            if (says != null) {
                String key = Keys.fit(run, answer.checkpoint(), fit);
                byFit.merge(key, says, RunQuestion::better);
            }
        }
        return byFit;
    }

    /** The one of a known class; where both are, or neither, the fit's own. */
    private static CalibrationAnswer better(CalibrationAnswer one, CalibrationAnswer other) {
        if (one.isLabelled() != other.isLabelled()) {
            return one.isLabelled() ? one : other;
        }
        return one.version() == AnswerSummary.BORROWED ? other : one;
    }

    /** The labels of an answer, the one that counts last. */
    private List<LabelState> labels(AnswerSummary answer) {
        List<Candidate> fitting = new ArrayList<>();
        for (LabelState each : shared.labels()) {
            fitting.add(new Candidate(each, each.text() == null ? 0 : 1));
        }
        for (LabelState each : own.labels()) {
            fitting.add(new Candidate(each, each.text() == null ? 2 : 3));
        }
        return fitting.stream()
                .filter(each -> each.state.isOf(answer))
                .sorted(Comparator.<Candidate>comparingLong(each -> each.state.labelled())
                        .thenComparingInt(Candidate::says))
                .map(Candidate::state)
                .toList();
    }

    private static long contradicting(List<LabelState> labels) {
        long count = 0;
        for (int i = 0; i < labels.size(); i++) {
            boolean other =
                    i > 0 && !labels.get(i).label().equals(labels.get(i - 1).label());
            count += labels.get(i).contradicting() + (other ? 1 : 0);
        }
        return count;
    }
}
