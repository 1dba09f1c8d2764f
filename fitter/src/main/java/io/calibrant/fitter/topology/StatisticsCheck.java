package io.calibrant.fitter.topology;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.List;

/** What a statistic must be to be folded; every failure is a {@link BadRecordException} that says what was found. */
final class StatisticsCheck {
    private StatisticsCheck() {}

    /** Checks key and value against each other, and the numbers that need no run. */
    static void self(String key, Statistics value) {
        if (key == null) {
            throw new BadRecordException("statistic without a key, expected runId/checkpoint/block");
        }
        if (value == null) {
            throw new BadRecordException("statistic without a value: nothing can be taken back from a sum");
        }
        String expected = Keys.block(value.getRunId(), value.getCheckpoint(), value.getBlock());
        if (!key.equals(expected)) {
            throw bad(value, "key '" + key + "' does not name it, expected '" + expected + "'");
        }
        try {
            Keys.checkName("run", value.getRunId());
            Keys.checkName("checkpoint", value.getCheckpoint());
        } catch (IllegalArgumentException e) {
            throw bad(value, e.getMessage());
        }
        if (value.getBlock().isEmpty() || value.getBlock().indexOf('/') >= 0) {
            throw bad(value, "a block's name is not empty and has no '/'");
        }
        Long batches = value.getBatchesExpected();
        if (batches != null && batches < 1) {
            throw bad(value, "batchesExpected " + batches + ", expected 1 or more");
        }
        if (value.getBatch() < 0 || (batches != null && value.getBatch() >= batches)) {
            throw bad(
                    value,
                    "batch " + value.getBatch() + ", expected 0 to "
                            + (batches == null ? "any" : String.valueOf(batches - 1)));
        }
        number(value, "n", value.getN(), value.getN() > 0, "above 0");
        number(value, "examples", value.getExamples(), value.getExamples() > 0, "above 0");
        number(value, "trace", value.getTrace(), value.getTrace() >= 0, "from 0");
        number(value, "logLikelihood", value.getLogLikelihood(), true, "finite");
        number(value, "squaredNorm", value.getSquaredNorm(), value.getSquaredNorm() >= 0, "from 0");
        Double distance = value.getSquaredDistance();
        if (distance != null) {
            number(value, "squaredDistance", distance, distance >= 0, "from 0");
        }
    }

    /** Checks that a fit around the initial adapter can know its distance. */
    static void priorMean(Statistics value, PriorMean mean) {
        if (mean == PriorMean.INITIAL && value.getSquaredDistance() == null) {
            throw bad(value, "no squaredDistance to the initial adapter, which this fit's prior mean INITIAL needs");
        }
    }

    /** Checks the tensors against the run's block, and gives them as numbers. */
    static BatchSums sums(Statistics value, Block block, Integer rank) {
        int d = large(block);
        int r = small(block);
        List<Integer> rows = value.getRows().getShape();
        if (rows.size() != 2 || rows.get(1) != d) {
            throw bad(value, "rows have shape " + rows + ", the run's block expects [m, " + d + "]");
        }
        if (!value.getSmall().getShape().equals(List.of(r, r))) {
            throw bad(
                    value,
                    "small has shape " + value.getSmall().getShape() + ", the run's block expects [" + r + ", " + r
                            + "]");
        }
        try {
            FactorRecords.checkFits(d, rank);
            double[] large = finite(value, "rows", value.getRows());
            double[] small = symmetric(value, finite(value, "small", value.getSmall()), r);
            return new BatchSums(
                    large,
                    rows.get(0),
                    value.getTrace(),
                    small,
                    value.getN(),
                    value.getExamples(),
                    value.getLogLikelihood());
        } catch (BadRecordException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw bad(value, e.getMessage());
        }
    }

    /** Checks that a statistic continues what is there. */
    static void continues(Statistics value, Factor state, KroneckerFactor factor, Block block) {
        if (factor.large().dimension() != large(block) || factor.smallDimension() != small(block)) {
            throw bad(
                    value,
                    "the factors of this checkpoint have dimensions "
                            + factor.large().dimension() + " and " + factor.smallDimension() + ", the run's block "
                            + large(block) + " and " + small(block));
        }
        if (state.getBatchesExpected() != null
                && value.getBatchesExpected() != null
                && !state.getBatchesExpected().equals(value.getBatchesExpected())) {
            throw bad(
                    value,
                    "batchesExpected " + value.getBatchesExpected() + ", earlier batches of the pass said "
                            + state.getBatchesExpected());
        }
    }

    /** Refuses what cannot be used further, for example an overflow or an indefinite sum. */
    static BadRecordException unusable(Statistics value, String why) {
        return bad(value, why);
    }

    static int large(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getInputs() : block.getOutputs();
    }

    static int small(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getOutputs() : block.getInputs();
    }

    private static double[] finite(Statistics statistics, String what, Tensor tensor) {
        double[] values = Tensors.doubles(tensor);
        for (int i = 0; i < values.length; i++) {
            if (!Double.isFinite(values[i])) {
                throw bad(statistics, what + " holds " + values[i] + " at index " + i + ", expected finite numbers");
            }
        }
        return values;
    }

    private static double[] symmetric(Statistics statistics, double[] small, int r) {
        double most = 0;
        for (double x : small) {
            most = Math.max(most, Math.abs(x));
        }
        double[] mean = new double[small.length];
        for (int i = 0; i < r; i++) {
            for (int j = 0; j < r; j++) {
                double a = small[i * r + j];
                double b = small[j * r + i];
                if (Math.abs(a - b) > 1e-4 * most) {
                    throw bad(
                            statistics,
                            "small is not symmetric: " + a + " at [" + i + ", " + j + "], " + b + " at [" + j + ", " + i
                                    + "]");
                }
                mean[i * r + j] = (a + b) / 2;
            }
        }
        try {
            KroneckerFactor.smallSpectrum(mean, r);
        } catch (ArithmeticException e) {
            throw bad(statistics, "small is " + e.getMessage());
        }
        return mean;
    }

    private static void number(Statistics statistics, String what, double value, boolean right, String accepted) {
        if (!right || !Double.isFinite(value)) {
            throw bad(statistics, what + " is " + value + ", expected a finite number " + accepted);
        }
    }

    private static BadRecordException bad(Statistics value, String why) {
        return new BadRecordException("statistic of run " + value.getRunId() + ", checkpoint " + value.getCheckpoint()
                + ", block " + value.getBlock() + ", batch " + value.getBatch() + ": " + why);
    }
}
