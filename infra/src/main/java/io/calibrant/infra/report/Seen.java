package io.calibrant.infra.report;

import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.fitter.metrics.PairedBootstrap;
import io.calibrant.fitter.metrics.Reliability;
import io.calibrant.fitter.selective.AccuracyCoverage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What a part of the report shows, a line each, as its title. */
final class Seen {
    private static final double SURE = 0.9;

    private Seen() {}

    /**
     * Which way each method is off.
     *
     * @param found of each {@link #confidence}
     */
    static String reliability(Map<Method, String> found, List<Method> methods) {
        List<String> parts = new ArrayList<>();
        for (Method method : methods) {
            parts.add(subject(method) + " is " + found.get(method));
        }
        return capitalised(String.join("; ", parts));
    }

    /** Which way one method is off: over-confident by .12 above 80%. */
    static String confidence(Reliability table, int questions) {
        return ConfidenceFinding.words(ConfidenceFinding.of(table), questions);
    }

    /** Who has the lowest NLL, and how what is served, or else MAP, stands beside it. */
    static String figures(Map<Method, Metrics> metrics) {
        Method best = Method.CALIBRATED;
        for (Method method : Method.values()) {
            if (metrics.get(method).nll() < metrics.get(best).nll()) {
                best = method;
            }
        }
        Method other = best == Method.CALIBRATED ? Method.MAP : Method.CALIBRATED;
        return capitalised(String.format(
                Locale.ROOT,
                "%s has the lowest NLL, %.3f; %s has %.3f",
                subject(best),
                metrics.get(best).nll(),
                subject(other),
                metrics.get(other).nll()));
    }

    /** In which figures what is served is better than MAP, in which worse, and in which that may be chance. */
    static String difference(PairedBootstrap served) {
        if (!served.nll().isKnown()) {
            return "Too few questions to tell the methods apart";
        }
        List<String> better = new ArrayList<>();
        List<String> worse = new ArrayList<>();
        List<String> chance = new ArrayList<>();
        sort("ACC", Direction.ofHigherIsBetter(served.accuracy()), better, worse, chance);
        sort("NLL", Direction.ofLowerIsBetter(served.nll()), better, worse, chance);
        sort("ECE", Direction.ofLowerIsBetter(served.ece()), better, worse, chance);
        sort("Brier score", Direction.ofLowerIsBetter(served.brier()), better, worse, chance);
        List<String> parts = new ArrayList<>();
        if (!worse.isEmpty()) {
            parts.add("worse than MAP in " + listed(worse));
        }
        if (!better.isEmpty()) {
            parts.add("better than MAP in " + listed(better));
        }
        if (!chance.isEmpty()) {
            parts.add(parts.isEmpty() ? "not to be told from MAP" : "not to be told from it in " + listed(chance));
        }
        return "As served it is " + String.join(", ", parts);
    }

    private static void sort(
            String figure, Direction direction, List<String> better, List<String> worse, List<String> chance) {
        (switch (direction) {
                    case BETTER -> better;
                    case WORSE -> worse;
                    case UNKNOWN -> chance;
                })
                .add(figure);
    }

    /** How many answers of MAP and of what is served are surer than 90%. */
    static String confident(Evaluation evaluation) {
        return String.format(
                Locale.ROOT,
                "Surer than %.0f%%: MAP of %d of %d questions, as served of %d",
                100 * SURE,
                surer(evaluation, Method.MAP),
                evaluation.questions().size(),
                surer(evaluation, Method.CALIBRATED));
    }

    private static long surer(Evaluation evaluation, Method method) {
        return evaluation.questions().stream()
                .filter(each -> each.confidence(method) > SURE)
                .count();
    }

    /** How many of the surest half are right. */
    static String selection(AccuracyCoverage served) {
        return String.format(
                Locale.ROOT,
                "Of the surest half %.0f%% are right, of all %.0f%%",
                100 * served.accuracy(0.5),
                100 * served.accuracy(1));
    }

    /** What the sets cost and hold. */
    static String sets(Diagnostics known) {
        Method method = known.conformal().containsKey(Method.CALIBRATED)
                ? Method.CALIBRATED
                : known.conformal().keySet().iterator().next();
        Diagnostics.Sets sets = known.conformal().get(method);
        return String.format(
                Locale.ROOT,
                "%s: %.2f choices a set hold the true one in %.0f%% of the questions",
                method.title(),
                sets.size(),
                100 * sets.coverage());
    }

    /** Which score tells wrong answers best. */
    static String scores(Diagnostics known) {
        Optional<Map.Entry<Score, Double>> wrong = best(known.wrong());
        Optional<Map.Entry<Score, Double>> strange = best(known.unfamiliar());
        List<String> parts = new ArrayList<>();
        wrong.ifPresent(each -> parts.add(
                each.getKey().title() + " tells wrong answers best, " + ConfidenceFinding.digits(each.getValue())));
        strange.ifPresent(each -> parts.add(each.getKey().title() + " tells unfamiliar questions best, "
                + ConfidenceFinding.digits(each.getValue())));
        return capitalised(String.join("; ", parts));
    }

    private static Optional<Map.Entry<Score, Double>> best(Map<Score, Double> areas) {
        return areas.entrySet().stream().max(Map.Entry.comparingByValue());
    }

    /** What became of MAP's surest mistake. */
    static String examples(List<Example> examples) {
        EvaluatedQuestion first = examples.get(0).question();
        if (first.right(Method.MAP)) {
            return "MAP makes no mistake here";
        }
        int choice = first.argmax(Method.MAP);
        return String.format(
                Locale.ROOT,
                "MAP is %.0f%% sure of a wrong answer; as served it has %.0f%%",
                100 * first.confidence(Method.MAP),
                100 * first.of(Method.CALIBRATED).get(choice));
    }

    /** A method within a sentence. */
    private static String subject(Method method) {
        return switch (method) {
            case MAP -> "MAP";
            case LAPLACE -> "Laplace";
            case TEMPERATURE -> "temperature";
            case LABEL_FREE -> "the label-free average";
            case CALIBRATED -> "as served it";
        };
    }

    private static String capitalised(String text) {
        return text.isEmpty() ? text : Character.toUpperCase(text.charAt(0)) + text.substring(1);
    }

    private static String listed(List<String> names) {
        int last = names.size() - 1;
        return last == 0 ? names.get(0) : String.join(", ", names.subList(0, last)) + " and " + names.get(last);
    }
}
