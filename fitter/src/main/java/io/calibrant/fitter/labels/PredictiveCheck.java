package io.calibrant.fitter.labels;

import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.BlockProjections;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What predictive statistics must be to choose a prior by; every failure is a {@link BadRecordException}. */
public final class PredictiveCheck {
    /** No derivative of a logit is larger. */
    private static final double MOST_PROJECTION = 1e12;

    private static final double MOST_REST = MOST_PROJECTION * MOST_PROJECTION;

    /** What a record takes beside its tensors, at most. */
    private static final int FRAME = 2 << 20;

    private PredictiveCheck() {}

    public static void present(String key, PredictiveStatistics value) {
        if (value == null) {
            throw new BadRecordException("predictive statistics of question '" + key + "': null value");
        }
    }

    /** Checks all that can be checked without the factors. */
    public static void self(String key, PredictiveStatistics value) {
        try {
            AnswerCheck.keys(key, value.getQuestionId(), value.getRunId(), value.getCheckpoint());
        } catch (IllegalArgumentException e) {
            throw bad(value, e.getMessage());
        }
        int contrasts = value.getLabels().size() - 1;
        if (contrasts < 1 || value.getContrastMean().size() != contrasts) {
            throw bad(
                    value,
                    value.getContrastMean().size() + " contrast means for "
                            + value.getLabels().size() + " labels, expected one less than labels, and 1 at least");
        }
        if (contrasts >= AnswerCheck.MOST_CHOICES) {
            throw bad(value, value.getLabels().size() + " labels, expected " + AnswerCheck.MOST_CHOICES + " at most");
        }
        for (double mean : value.getContrastMean()) {
            if (!(Math.abs(mean) <= AnswerCheck.MOST_LOGIT)) {
                throw bad(
                        value,
                        "contrastMean holds " + mean + ", expected finite numbers, " + AnswerCheck.MOST_LOGIT
                                + " at most");
            }
        }
        long bytes = FRAME;
        Set<String> names = new HashSet<>();
        for (BlockProjections block : value.getBlocks()) {
            if (!names.add(block.getBlock())) {
                throw bad(value, "block " + block.getBlock() + " occurs twice");
            }
            List<Integer> projections = block.getProjections().getShape();
            if (projections.size() != 3 || projections.get(0) != contrasts) {
                throw bad(
                        value,
                        "block " + block.getBlock() + ": projections have shape " + projections + ", expected ["
                                + contrasts + ", r, k]");
            }
            List<Integer> rest = block.getRest().getShape();
            int r = projections.get(1);
            if (!rest.equals(List.of(r, contrasts, contrasts)) && !rest.equals(List.of(0, contrasts, contrasts))) {
                throw bad(
                        value,
                        "block " + block.getBlock() + ": rest has shape " + rest + ", expected [" + r + " or 0, "
                                + contrasts + ", " + contrasts + "]");
            }
            finite(value, block, "projections", block.getProjections(), MOST_PROJECTION);
            gram(value, block, finite(value, block, "rest", block.getRest(), MOST_REST), contrasts);
            bytes += block.getProjections().getData().remaining()
                    + block.getRest().getData().remaining();
        }
        if (bytes > Topics.MAX_RECORD_BYTES) {
            throw bad(value, "it takes " + bytes + " bytes, more than the " + Topics.MAX_RECORD_BYTES + " of a record");
        }
    }

    /** Each of the matrices of rest is one of inner products. */
    private static void gram(PredictiveStatistics value, BlockProjections block, double[] rest, int contrasts) {
        int size = contrasts * contrasts;
        for (int j = 0; j * size < rest.length; j++) {
            try {
                KroneckerFactor.smallSpectrum(Arrays.copyOfRange(rest, j * size, (j + 1) * size), contrasts);
            } catch (ArithmeticException e) {
                throw bad(value, "block " + block.getBlock() + ": rest is " + e.getMessage());
            }
        }
    }

    private static double[] finite(
            PredictiveStatistics value, BlockProjections block, String what, Tensor tensor, double most) {
        try {
            double[] all = Tensors.doubles(tensor);
            for (double each : all) {
                if (!(Math.abs(each) <= most)) {
                    throw bad(
                            value,
                            "block " + block.getBlock() + ": " + what + " hold " + each + ", expected finite numbers, "
                                    + most + " at most");
                }
            }
            return all;
        } catch (IllegalArgumentException e) {
            throw bad(value, "block " + block.getBlock() + ": " + e.getMessage());
        }
    }

    private static BadRecordException bad(PredictiveStatistics value, String why) {
        return new BadRecordException("predictive statistics of question '" + value.getQuestionId() + "' of run "
                + value.getRunId() + ", checkpoint " + value.getCheckpoint() + ": " + why);
    }
}
