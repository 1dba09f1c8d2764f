package io.calibrant.infra.assessment;

import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.EstimatedAccuracy;
import io.calibrant.schemas.avro.EstimatedShare;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.TierMembers;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A posterior and how it has done, in sentences. */
public final class Assessment {
    /** With so many labels more of them gain little (method.md section 5). */
    private static final long ENOUGH_LABELS = 50;

    private Assessment() {}

    /** All there is to say, in sentences, where it is not known what scorers were told to serve without labels. */
    public static List<String> sentences(Posterior posterior, Observed observed) {
        Calibration calibration = posterior.getCalibration();
        String served = served(posterior, calibration);
        boolean isUpToScorers = calibration == Calibration.LABEL_FREE || calibration == Calibration.MAP;
        return sentences(
                posterior,
                isUpToScorers ? served + " What a scorer was told by --label-free comes first." : served,
                observed);
    }

    /**
     * All there is to say, in sentences.
     *
     * @param served what the answers rest on: a scorer may serve something else than the posterior says
     */
    public static List<String> sentences(Posterior posterior, Calibration served, Observed observed) {
        return sentences(posterior, served(posterior, served), observed);
    }

    private static List<String> sentences(Posterior posterior, String served, Observed observed) {
        List<String> sentences = new ArrayList<>();
        sentences.add(served);
        accuracy(sentences, observed.accuracy());
        familiarity(sentences, observed);
        sentences.addAll(alarms(observed));
        sentences.add(help(posterior, observed));
        return sentences;
    }

    /** The alarms that are on, with the time since which. */
    public static List<String> alarms(Observed observed) {
        List<String> alarms = new ArrayList<>();
        if (observed.familiarity() != null && observed.familiarity().getSince() != null) {
            alarms.add("Alarm: the questions are of another kind than the training questions since "
                    + observed.familiarity().getSince() + ".");
        }
        if (observed.isContradicted()) {
            Instant since = observed.labels().getSince();
            alarms.add("Alarm: the labels speak against the served probabilities"
                    + (since.equals(Instant.EPOCH) ? "" : " of answers since " + since) // else all came at once
                    + " (e-value "
                    + String.format(Locale.ROOT, "%.3g", observed.labels().getValue()) + ").");
        }
        return alarms;
    }

    private static String served(Posterior posterior, Calibration served) {
        String labels = posterior.getLabels() + (posterior.getLabels() == 1 ? " label" : " labels");
        return switch (served) {
            case AVERAGED -> "An average serves, weighted by " + labels + heaviest(posterior) + ".";
            case LABEL_FREE ->
                posterior.getLogitVariance() == null
                        ? "Without labels scaled Laplace serves at tier all, and MAP at the others, until 20 questions"
                                + " tell the noise of a logit."
                        : "Members that need no label serve in equal parts, as no labels are known.";
            case MAP ->
                posterior.getCalibration() == Calibration.MAP
                        ? "MAP serves: its statistics count no tokens, so that labels alone can calibrate it."
                        : posterior.getLogitVariance() == null
                                ? "MAP serves: no labels are known, nor the noise of a logit, which 20 questions tell."
                                : "MAP serves: no labels are known, and the tier has no covariance.";
            case EVIDENCE -> "The evidence alone serves, which can make a model worse than it was.";
            case TEMPERATURE -> "Temperature serves, chosen by " + labels + ".";
            case TEMPERATURE_VARIANCE -> "Temperature and variance serve, chosen by " + labels + ".";
        };
    }

    private static String heaviest(Posterior posterior) {
        Optional<TierMembers> first = posterior.getTiers().stream()
                .filter(tier -> !tier.getMembers().isEmpty())
                .findFirst();
        return first.map(tier -> {
                    CalibrationMember member = tier.getMembers().stream()
                            .max(Comparator.comparingDouble(CalibrationMember::getWeight))
                            .orElseThrow();
                    return String.format(
                            Locale.ROOT,
                            "; at tier %s %s has most weight, %.2f",
                            tier.getTier(),
                            member.getName(),
                            member.getWeight());
                })
                .orElse("");
    }

    private static void accuracy(List<String> sentences, EstimatedAccuracy accuracy) {
        if (accuracy == null) {
            sentences.add("No estimate of accuracy: the fitter has counted no answers but those for validation.");
            return;
        }
        String claimed = String.format(
                Locale.ROOT,
                "Without labels %s of %d answers are expected to be right",
                interval(accuracy.getWithoutLabels()),
                accuracy.getAnswers());
        sentences.add(
                accuracy.getHolds()
                        ? claimed + "."
                        : claimed
                                + String.format(
                                        Locale.ROOT,
                                        ", which does not hold: %.0f%% of the questions are unfamiliar.",
                                        100.0 * accuracy.getUnfamiliar() / accuracy.getJudged()));
        if (accuracy.getRealised() != null) {
            sentences.add(String.format(
                    Locale.ROOT,
                    "All %d have a label: %.1f%% were right.",
                    accuracy.getAnswers(),
                    100 * accuracy.getRealised()));
        } else if (accuracy.getWithLabels() != null) {
            sentences.add(String.format(
                    Locale.ROOT,
                    "By the labels of %d of them %s are right, if those are a random part.",
                    accuracy.getLabels(),
                    interval(accuracy.getWithLabels())));
        } else if (accuracy.getLabels() > 0) {
            sentences.add("Labels are known of " + accuracy.getLabels()
                    + " of them, too few for an estimate: 20, and 5 right and 5 wrong answers among them.");
        }
    }

    private static String interval(EstimatedShare share) {
        return String.format(
                Locale.ROOT,
                "%.1f%% [%.1f, %.1f]",
                100 * share.getValue(),
                100 * share.getLower(),
                100 * share.getUpper());
    }

    private static void familiarity(List<String> sentences, Observed observed) {
        if (observed.recent() > 0) {
            sentences.add(String.format(
                    Locale.ROOT,
                    "Of the last %,d questions %.1f%% were unfamiliar, where 5%% or fewer are usual.",
                    observed.recent(),
                    100.0 * observed.unfamiliar() / observed.recent()));
        } else if (observed.accuracy() != null) {
            sentences.add("How familiar the questions are is not known.");
        }
    }

    private static String help(Posterior posterior, Observed observed) {
        if (observed.isForeign()) {
            return "What would help most: a fit for the new kind of question; until then, labels of such questions.";
        }
        if (observed.isContradicted()) {
            return "What would help most: validation labels of the questions that are asked now.";
        }
        if (posterior.getLabels() < ENOUGH_LABELS) {
            return "What would help most: " + (posterior.getLabels() == 0 ? "" : "more ")
                    + "labelled validation questions, " + ENOUGH_LABELS + " or so in all.";
        }
        return "What would help most: nothing that is known of.";
    }
}
