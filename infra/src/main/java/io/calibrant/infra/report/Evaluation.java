package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.PairedBootstrap;
import io.calibrant.fitter.metrics.Reliability;
import io.calibrant.fitter.selective.Acceptance;
import io.calibrant.fitter.selective.AccuracyCoverage;
import io.calibrant.fitter.selective.GradedAnswer;
import io.calibrant.fitter.selective.SelectiveCounts;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Labelled questions with the predictions of all methods.
 *
 * @param questions at least one
 * @param temperatureNote how the temperature was found, a sentence
 * @param diagnostics conformal sets, and what the scores of an answer are worth
 * @param selection what is looked for in selective prediction
 */
public record Evaluation(
        List<EvaluatedQuestion> questions, String temperatureNote, Diagnostics diagnostics, Selection selection) {
    /** Copies the list. @throws IllegalArgumentException if there is no question */
    public Evaluation {
        questions = List.copyOf(questions);
        if (questions.isEmpty()) {
            throw new IllegalArgumentException("an evaluation needs at least one answered question, found none");
        }
    }

    /** Without diagnostics. */
    public Evaluation(List<EvaluatedQuestion> questions, String temperatureNote) {
        this(questions, temperatureNote, Diagnostics.NONE, Selection.NONE);
    }

    /** The same with diagnostics. */
    public Evaluation with(Diagnostics known) {
        return new Evaluation(questions, temperatureNote, known, selection);
    }

    /** The same with selective prediction. */
    public Evaluation with(Selection wanted) {
        return new Evaluation(questions, temperatureNote, diagnostics, wanted);
    }

    /** Answers of one method to the questions whose labels tuned nothing; possibly none. */
    List<GradedAnswer> graded(Method method) {
        return graded(method, selection.tuned());
    }

    private List<GradedAnswer> graded(Method method, Set<String> without) {
        return labelled(questions.stream().filter(each -> !without.contains(each.id())), method)
                .map(GradedAnswer::of)
                .toList();
    }

    /**
     * The accuracy-coverage curve of one method; empty where nothing is to be said of accepting answers, or without
     * questions whose labels tuned nothing.
     */
    public Optional<AccuracyCoverage> curve(Method method) {
        if (!selection.isKnown()) {
            return Optional.empty();
        }
        List<GradedAnswer> graded = graded(method);
        return graded.isEmpty() ? Optional.empty() : Optional.of(AccuracyCoverage.of(graded));
    }

    /** What may be accepted of the served answers, by the labels of these questions, one for each target. */
    public List<Acceptance> acceptances() {
        SelectiveCounts counts = SelectiveCounts.of(graded(Method.CALIBRATED));
        return selection.targets().stream().map(counts::acceptance).toList();
    }

    /**
     * What became of the thresholds that the posterior itself carries, one sentence each: their labels are other ones
     * than these questions, so this is a test of them.
     */
    public List<String> posteriorSentences() {
        List<GradedAnswer> graded = graded(Method.CALIBRATED);
        Set<String> refused = new HashSet<>(selection.tuned());
        refused.addAll(selection.unfamiliar());
        List<GradedAnswer> familiar = graded(Method.CALIBRATED, refused);
        List<String> sentences = new ArrayList<>();
        for (Acceptance found : selection.ofPosterior()) {
            List<GradedAnswer> accepted = familiar.stream()
                    .filter(each -> found.accepts(each.confidence()))
                    .toList();
            if (found.verdict() == Acceptance.Verdict.GUARANTEED && !graded.isEmpty()) {
                long right = accepted.stream().filter(GradedAnswer::right).count();
                sentences.add(String.format(
                        Locale.ROOT,
                        "score --target-accuracy %s accepts above %s, by %d labels of its own: here %d of %d, %s right",
                        AcceptanceWords.number(found.target().accuracy()),
                        AcceptanceWords.number(found.threshold()),
                        found.labels(),
                        accepted.size(),
                        graded.size(),
                        accepted.isEmpty()
                                ? "none"
                                : String.format(Locale.ROOT, "%.1f%%", 100.0 * right / accepted.size())));
            } else {
                sentences.add("score --target-accuracy "
                        + AcceptanceWords.number(found.target().accuracy()) + ": " + AcceptanceWords.sentence(found));
            }
        }
        return List.copyOf(sentences);
    }

    /** A method's figures minus MAP's, with 95% intervals over resampled questions. */
    public PairedBootstrap againstMap(Method method) {
        return PairedBootstrap.of(labelled(method), labelled(Method.MAP));
    }

    /** The same of every method but MAP itself; resampling is what costs in a report. */
    Map<Method, PairedBootstrap> againstMap() {
        Map<Method, PairedBootstrap> differences = new EnumMap<>(Method.class);
        for (Method method : Method.values()) {
            if (method != Method.MAP) {
                differences.put(method, againstMap(method));
            }
        }
        return differences;
    }

    /**
     * Says that what is served is worse than the model as it was, by the NLL of the labels; empty where it is not. A
     * difference that may be chance is no warning, and no praise.
     */
    public Optional<String> warning() {
        return warning(againstMap(Method.CALIBRATED));
    }

    /** The same, of a difference that is known already. */
    Optional<String> warning(PairedBootstrap served) {
        PairedBootstrap.Interval nll = served.nll();
        if (!(nll.estimate() > 0)) {
            return Optional.empty();
        }
        String found = String.format(
                Locale.ROOT, "on these %d questions: NLL %+.3f against MAP", questions.size(), nll.estimate());
        if (!nll.isKnown()) {
            return Optional.of("Served is not better than MAP " + found + "; too few questions to tell.");
        }
        String interval = String.format(Locale.ROOT, " [%+.3f, %+.3f]", nll.lower(), nll.upper());
        return Optional.of(
                nll.isAboveZero()
                        ? "Warning: served is worse than MAP " + found + interval
                                + ". The validation labels do not describe these questions: check them, or validate"
                                + " with questions of this kind."
                        : "Served is not better than MAP " + found + interval + ", which may be chance.");
    }

    /** ACC, NLL, ECE and Brier of one method. */
    public Metrics metrics(Method method) {
        return Metrics.of(labelled(method));
    }

    /** Reliability table of one method, with the bins of the ECE. */
    Reliability reliability(Method method) {
        return Reliability.of(labelled(method), Metrics.DEFAULT_BINS);
    }

    /** Mean of the largest probability. */
    double confidence(Method method) {
        return questions.stream()
                .mapToDouble(question -> question.confidence(method))
                .average()
                .orElseThrow();
    }

    /** Three different questions that show what calibration does; fewer where there are fewer questions. */
    public List<Example> examples() {
        return Example.choose(questions);
    }

    private List<LabelledProbabilities> labelled(Method method) {
        return labelled(questions.stream(), method).toList();
    }

    private static Stream<LabelledProbabilities> labelled(Stream<EvaluatedQuestion> questions, Method method) {
        return questions.map(question -> new LabelledProbabilities(
                question.of(method).stream().mapToDouble(Double::doubleValue).toArray(), question.truth()));
    }
}
