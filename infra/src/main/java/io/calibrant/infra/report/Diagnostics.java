package io.calibrant.infra.report;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What an evaluation says beyond the table.
 *
 * @param alpha share of questions whose true class may be missed by a set
 * @param conformal coverage and size of the sets, by method; empty without validation answers, and without a method
 *     that takes covariances where those of the validation answers are of another tier
 * @param wrong area under the ROC curve of each score for telling wrong answers from right ones; empty where all are
 *     the same
 * @param unfamiliar the same for telling the questions of a second file from these; empty without one
 * @param unfamiliarQuestions answered questions of the second file
 * @param classConditional whether the sets promise it for every class on its own
 */
public record Diagnostics(
        double alpha,
        Map<Method, Sets> conformal,
        Map<Score, Double> wrong,
        Map<Score, Double> unfamiliar,
        int unfamiliarQuestions,
        boolean classConditional) {
    /** No diagnostics. */
    public static final Diagnostics NONE = new Diagnostics(0.1, Map.of(), Map.of(), Map.of(), 0, false);

    /**
     * Split-conformal sets on the evaluated questions.
     *
     * @param validation labelled validation answers that they are calibrated on
     * @param coverage share of questions whose true class is in the set
     * @param size mean number of classes in a set
     */
    public record Sets(int validation, double coverage, double size) {}

    /** On how many validation answers the sets are calibrated: those of most methods, and of whoever has fewer. */
    String calibratedOn() {
        int most = conformal.values().stream().mapToInt(Sets::validation).max().orElse(0);
        String fewer = conformal.entrySet().stream()
                .filter(each -> each.getValue().validation() < most)
                .map(each -> each.getKey().title() + ": " + each.getValue().validation())
                .collect(Collectors.joining(", "));
        return most + " validation answers" + (fewer.isEmpty() ? "" : " (" + fewer + ")");
    }

    /** What the sets promise, a sentence. */
    String promise() {
        return String.format(
                Locale.ROOT,
                classConditional
                        ? "Promise: of the new questions of each class, %.0f%% or more have their true choice"
                                + " in the set."
                        : "Promise: of all new questions like these, %.0f%% or more have their true choice in the set;"
                                + " of a single class it may be fewer.",
                100 * (1 - alpha));
    }

    /** Copies the maps, in the order of the enums. */
    public Diagnostics {
        conformal = copied(Method.class, conformal);
        wrong = copied(Score.class, wrong);
        unfamiliar = copied(Score.class, unfamiliar);
    }

    private static <K extends Enum<K>, V> Map<K, V> copied(Class<K> type, Map<K, V> map) {
        Map<K, V> copy = new EnumMap<>(type);
        copy.putAll(map);
        return Collections.unmodifiableMap(copy);
    }
}
