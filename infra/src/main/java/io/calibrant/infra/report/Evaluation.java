package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.PairedBootstrap;
import io.calibrant.fitter.metrics.Reliability;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Labelled questions with the predictions of all methods.
 *
 * @param questions at least one
 * @param temperatureNote how the temperature was found, a sentence
 * @param diagnostics conformal sets, and what the scores of an answer are worth
 */
public record Evaluation(List<EvaluatedQuestion> questions, String temperatureNote, Diagnostics diagnostics) {
    /** Copies the list. @throws IllegalArgumentException if there is no question */
    public Evaluation {
        questions = List.copyOf(questions);
        if (questions.isEmpty()) {
            throw new IllegalArgumentException("an evaluation needs at least one answered question, found none");
        }
    }

    /** Without diagnostics. */
    public Evaluation(List<EvaluatedQuestion> questions, String temperatureNote) {
        this(questions, temperatureNote, Diagnostics.NONE);
    }

    /** The same with diagnostics. */
    public Evaluation with(Diagnostics known) {
        return new Evaluation(questions, temperatureNote, known);
    }

    /** A method's figures minus MAP's, with 95% intervals over resampled questions. */
    public PairedBootstrap againstMap(Method method) {
        return PairedBootstrap.of(labelled(method), labelled(Method.MAP));
    }

    /**
     * Says that what is served is worse than the model as it was, by the NLL of the labels; empty where it is not. A
     * difference that may be chance is no warning, and no praise.
     */
    public Optional<String> warning() {
        PairedBootstrap.Interval nll = againstMap(Method.CALIBRATED).nll();
        if (!(nll.estimate() > 0)) {
            return Optional.empty();
        }
        String served = String.format(
                Locale.ROOT, "on these %d questions: NLL %+.3f against MAP", questions.size(), nll.estimate());
        if (!nll.isKnown()) {
            return Optional.of("Served is not better than MAP " + served + "; too few questions to tell.");
        }
        String interval = String.format(Locale.ROOT, " [%+.3f, %+.3f]", nll.lower(), nll.upper());
        return Optional.of(
                nll.isAboveZero()
                        ? "Warning: served is worse than MAP " + served + interval
                                + ". The validation labels do not describe these questions: check them, or validate"
                                + " with questions of this kind."
                        : "Served is not better than MAP " + served + interval + ", which may be chance.");
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
        return questions.stream()
                .map(question -> new LabelledProbabilities(
                        question.of(method).stream()
                                .mapToDouble(Double::doubleValue)
                                .toArray(),
                        question.truth()))
                .toList();
    }
}
