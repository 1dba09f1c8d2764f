package io.calibrant.fitter.labels;

import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.HashSet;
import java.util.List;

/** What an answer and a label must be to be counted; every failure is a {@link BadRecordException}. */
public final class AnswerCheck {
    private static final double ROUNDING = LabelledProbabilities.ROUNDING;

    /** Choices of a question at most, as topic questions has it. */
    static final int MOST_CHOICES = 256;

    /** No difference of logits is larger, and the calibration squares it. */
    static final double MOST_LOGIT = 1e9;

    /** No variance of such a difference is larger. */
    static final double MOST_VARIANCE = MOST_LOGIT * MOST_LOGIT;

    /** It is a mean of logarithms, of which none is beyond 745. */
    private static final double MOST_FAMILIARITY = 1e4;

    /** Scores that one ranks among, at most. */
    private static final int MOST_SCORES = 1_000_000;

    /** A longer id, which only a compressed record can have, would make state that no topic takes. */
    private static final int MOST_ID = 1_000_000;

    private static final int MOST_LABEL = 1000;

    private static final int MOST_DIGEST = 100;

    /** Used only for its checks of mean and covariance. */
    private static final Link LINK = new Link(LinkFunction.MC, 1, 0);

    private AnswerCheck() {}

    /** Whether its covariance is of all blocks: that of fewer is another quantity and is not used for calibration. */
    static boolean restsOnAllBlocks(Answer answer) {
        return answer.getTier().equals("all");
    }

    public static void label(String key, Label value) {
        if (key == null) {
            throw new BadRecordException("label without a key, expected the id of its question");
        }
        if (value == null) {
            throw new BadRecordException(
                    "label of question '" + key + "': null value: a label is replaced by another, never retracted");
        }
        if (key.length() > MOST_ID) {
            throw new BadRecordException("label of a question: its id has " + key.length() + " characters, expected "
                    + MOST_ID + " at most");
        }
        id("label of a question", key);
        if (value.getRun() != null) {
            try {
                Keys.checkName("run", value.getRun());
            } catch (IllegalArgumentException e) {
                throw new BadRecordException("label of question '" + key + "': " + e.getMessage());
            }
        }
        if (value.getTextDigest() != null && value.getTextDigest().length() > MOST_DIGEST) {
            throw new BadRecordException("label of question '" + key + "': textDigest has "
                    + value.getTextDigest().length() + " characters, expected " + MOST_DIGEST + " at most");
        }
        if (value.getLabel().length() > MOST_LABEL) {
            throw new BadRecordException("label of question '" + key + "' has "
                    + value.getLabel().length() + " characters, expected " + MOST_LABEL + " at most");
        }
    }

    /** The fitter keeps the name of the run behind the id and a character of value 0. */
    private static void id(String what, String id) {
        if (id.indexOf(0) >= 0) {
            throw new BadRecordException(what + ": its id holds a character of value 0");
        }
    }

    public static void present(String key, Answer value) {
        if (value == null) {
            throw new BadRecordException("answer to question '" + key + "': null value");
        }
    }

    /**
     * Checks that key, run and checkpoint of a record from a scorer are names and agree.
     *
     * @throws IllegalArgumentException if key, run or checkpoint do not
     */
    static void keys(String key, String questionId, String run, String checkpoint) {
        if (questionId.length() > MOST_ID) {
            throw new IllegalArgumentException("the id of its question has " + questionId.length()
                    + " characters, expected " + MOST_ID + " at most");
        }
        if (!questionId.equals(key)) {
            throw new IllegalArgumentException("key '" + key + "' is not the id of its question");
        }
        Keys.checkName("run", run);
        Keys.checkName("checkpoint", checkpoint);
    }

    public static void answer(String key, Answer value) {
        try {
            keys(key, value.getQuestionId(), value.getRunId(), value.getCheckpoint());
        } catch (IllegalArgumentException e) {
            throw bad(value, e.getMessage());
        }
        id("answer of run " + value.getRunId(), key);
        if (value.getTextDigest() != null && value.getTextDigest().length() > MOST_DIGEST) {
            throw bad(
                    value,
                    "textDigest has " + value.getTextDigest().length() + " characters, expected " + MOST_DIGEST
                            + " at most");
        }
        List<String> labels = value.getLabels();
        if (labels.size() < 2 || new HashSet<>(labels).size() < labels.size()) {
            throw bad(value, "labels are " + labels + ", expected two or more, none twice");
        }
        if (labels.size() > MOST_CHOICES || labels.stream().anyMatch(label -> label.length() > MOST_LABEL)) {
            throw bad(
                    value,
                    labels.size() + " labels, expected " + MOST_CHOICES + " at most, of " + MOST_LABEL
                            + " characters at most");
        }
        if (value.getPosteriorVersion() < 0 || value.getPosteriorVersion() == AnswerSummary.BORROWED) {
            throw bad(value, "posteriorVersion is " + value.getPosteriorVersion() + ", expected 1, 2, ...");
        }
        distribution(value, "probabilities", value.getProbabilities());
        distribution(value, "mapProbabilities", value.getMapProbabilities());
        if (value.getTemperatureProbabilities() != null) {
            distribution(value, "temperatureProbabilities", value.getTemperatureProbabilities());
        }
        familiarity(value);
        if (value.getPurpose() != Purpose.ANSWER) {
            contrasts(value, labels.size());
        }
        if (value.getPurpose() == Purpose.NOISE && !restsOnAllBlocks(value)) {
            throw bad(value, "tier is " + value.getTier() + ", expected all of an answer for the noise of a logit");
        }
    }

    /** Medians and ranks are taken of these numbers: they have to stay finite. */
    private static void familiarity(Answer answer) {
        Double score = answer.getFamiliarity();
        if (score != null && !(Math.abs(score) <= MOST_FAMILIARITY)) {
            throw bad(answer, "familiarity is " + score + ", expected " + MOST_FAMILIARITY + " at most, either way");
        }
        Double p = answer.getFamiliarityP();
        if (p != null && !(p > 0 && p <= 1)) {
            throw bad(answer, "familiarityP is " + p + ", expected more than 0, 1 at most");
        }
        Integer scores = answer.getFamiliarityScores();
        if (scores != null && (scores < 0 || scores > MOST_SCORES)) {
            throw bad(answer, "familiarityScores is " + scores + ", expected 0 to " + MOST_SCORES);
        }
    }

    private static void distribution(Answer answer, String what, List<Double> probabilities) {
        if (probabilities.size() != answer.getLabels().size()) {
            throw bad(
                    answer,
                    what + " are " + probabilities.size() + ", there are "
                            + answer.getLabels().size() + " labels");
        }
        double sum = 0;
        for (double p : probabilities) {
            if (!(p >= 0 && p <= 1 + ROUNDING)) {
                throw bad(answer, what + " hold " + p + ", expected 0 to 1");
            }
            sum += p;
        }
        if (Math.abs(sum - 1) > ROUNDING) {
            throw bad(answer, what + " sum to " + sum + ", expected 1");
        }
    }

    /** Calibration repairs nothing: what a link would refuse is refused here, where the record can be named. */
    private static void contrasts(Answer answer, int classes) {
        double[] mean = doubles(answer.getContrastMean());
        if (mean.length != classes - 1) {
            throw bad(answer, "contrastMean has " + mean.length + " numbers, expected " + (classes - 1));
        }
        bounded(answer, "contrastMean", mean, MOST_LOGIT);
        try {
            double[][] covariance = restsOnAllBlocks(answer)
                    ? answer.getContrastCovariance().stream()
                            .map(AnswerCheck::doubles)
                            .toArray(double[][]::new)
                    : new double[mean.length][mean.length];
            for (double[] row : covariance) {
                bounded(answer, "contrastCovariance", row, MOST_VARIANCE);
            }
            LINK.predict(mean, covariance);
        } catch (IllegalArgumentException e) {
            throw bad(answer, e.getMessage());
        }
    }

    private static void bounded(Answer answer, String what, double[] values, double most) {
        for (double value : values) {
            if (Double.isFinite(value) && Math.abs(value) > most) {
                throw bad(answer, what + " holds " + value + ", expected " + most + " at most");
            }
        }
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static BadRecordException bad(Answer value, String why) {
        return new BadRecordException("answer to question '" + value.getQuestionId() + "' of run " + value.getRunId()
                + ", checkpoint " + value.getCheckpoint() + ": " + why);
    }
}
