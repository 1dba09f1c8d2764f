package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.text.Printable;
import io.calibrant.scorer.answering.Tier;
import java.util.List;
import java.util.Locale;

/** Answers as they come: JSON objects, or lines of a table whose widths are fixed beforehand. */
public final class AnswerPrinter {
    private final Output output;
    private final boolean json;
    private boolean first = true;

    /** @param json whether each answer becomes a JSON object, else a line of the table */
    public AnswerPrinter(Output output, boolean json) {
        this.output = output;
        this.json = json;
    }

    /** Prints one answer; before the first one, the header of the table. */
    public void print(Answer answer) {
        if (json) {
            output.json(object(answer));
            return;
        }
        if (first) {
            output.line(row("QUESTION", "ANSWER", "CALIBRATED", "MAP", "ENTROPY", "NOVELTY", "RESTS ON"));
            first = false;
        }
        // Whoever wrote it: an answer that lacks its lists, or a part of one, is printed as it is.
        int best = best(answer.getProbabilities());
        output.line(row(
                Printable.name(answer.getQuestionId()),
                best < answer.getLabels().size()
                        ? Printable.name(answer.getLabels().get(best))
                        : "-",
                digits(answer.getProbabilities(), best),
                digits(answer.getMapProbabilities(), best),
                digits(answer.getEntropy()),
                digits(answer.getNovelty()),
                Printable.name(answer.getRunId() + "/" + answer.getCheckpoint() + "/" + answer.getFit()) + " version "
                        + answer.getPosteriorVersion() + ", " + CalibrationWords.of(answer.getCalibration())
                        + (answer.getDecision() == null ? "" : ", " + answer.getDecision())
                        + (answer.getTier().equals(Tier.ALL.label())
                                ? ""
                                : ", tier " + Printable.name(answer.getTier()))
                        + (answer.getCoverage() < 1
                                ? String.format(
                                        Locale.ROOT, ", partial: %.1f%% of its pass", 100 * answer.getCoverage())
                                : "")));
    }

    /**
     * The fields of the contract, in its order; temperatureProbabilities is absent until labels are known, coverage
     * unless it is below 1, decision where no target was asked.
     */
    private static ObjectNode object(Answer answer) {
        ObjectNode object = Output.object();
        object.put("questionId", answer.getQuestionId());
        object.put("run", answer.getRunId());
        object.put("checkpoint", answer.getCheckpoint());
        object.put("fit", answer.getFit());
        object.put("posteriorVersion", answer.getPosteriorVersion());
        object.set("labels", Output.json(answer.getLabels()));
        object.set("probabilities", Output.json(answer.getProbabilities()));
        object.set("mapProbabilities", Output.json(answer.getMapProbabilities()));
        if (answer.getTemperatureProbabilities() != null) {
            object.set("temperatureProbabilities", Output.json(answer.getTemperatureProbabilities()));
        }
        object.put("calibration", answer.getCalibration().toString());
        object.set("contrastMean", Output.json(answer.getContrastMean()));
        object.set("contrastCovariance", Output.json(answer.getContrastCovariance()));
        object.put("entropy", answer.getEntropy());
        object.put("expectedEntropy", answer.getExpectedEntropy());
        object.put("mutualInformation", answer.getMutualInformation());
        object.put("novelty", answer.getNovelty());
        if (answer.getFamiliarity() != null) {
            object.put("familiarity", answer.getFamiliarity());
            if (answer.getFamiliarityP() != null) {
                object.put("familiarityP", answer.getFamiliarityP());
            }
            object.put("softened", answer.getSoftened());
        }
        if (answer.getDecision() != null) {
            object.put("decision", answer.getDecision().toString());
        }
        object.put("tier", answer.getTier());
        if (answer.getCoverage() < 1) {
            object.put("coverage", answer.getCoverage());
        }
        return object;
    }

    private static int best(List<Double> probabilities) {
        int best = 0;
        for (int i = 1; i < probabilities.size(); i++) {
            if (probabilities.get(i) > probabilities.get(best)) {
                best = i;
            }
        }
        return best;
    }

    private static String digits(List<Double> values, int place) {
        return place < values.size() ? digits(values.get(place)) : "-";
    }

    private static String digits(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }

    private static String row(Object... columns) {
        return String.format(Locale.ROOT, "%-24s %-8s %10s %10s %8s %8s  %s", columns);
    }
}
