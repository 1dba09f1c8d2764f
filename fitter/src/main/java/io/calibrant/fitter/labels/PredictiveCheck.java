package io.calibrant.fitter.labels;

import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.BlockProjections;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What predictive statistics must be to choose a prior by; every failure is a {@link BadRecordException}. */
public final class PredictiveCheck {
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
        for (double mean : value.getContrastMean()) {
            if (!Double.isFinite(mean)) {
                throw bad(value, "contrastMean holds " + mean + ", expected finite numbers");
            }
        }
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
            finite(value, block, "projections", block.getProjections());
            finite(value, block, "rest", block.getRest());
        }
    }

    private static void finite(PredictiveStatistics value, BlockProjections block, String what, Tensor tensor) {
        try {
            for (double each : Tensors.doubles(tensor)) {
                if (!Double.isFinite(each)) {
                    throw bad(
                            value,
                            "block " + block.getBlock() + ": " + what + " hold " + each + ", expected finite numbers");
                }
            }
        } catch (IllegalArgumentException e) {
            throw bad(value, "block " + block.getBlock() + ": " + e.getMessage());
        }
    }

    private static BadRecordException bad(PredictiveStatistics value, String why) {
        return new BadRecordException("predictive statistics of question '" + value.getQuestionId() + "' of run "
                + value.getRunId() + ", checkpoint " + value.getCheckpoint() + ": " + why);
    }
}
