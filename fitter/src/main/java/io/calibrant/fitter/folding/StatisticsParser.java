package io.calibrant.fitter.folding;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes a {@link Contribution} of a record of statistics, its run and the settings of a fit. What cannot be folded is
 * refused by a {@link BadRecordException} that says what was expected and what was found.
 */
public final class StatisticsParser {
    /** A record of more batches than this is a mistake: it would fill the memory before it fails. */
    private static final int MOST_BATCHES = 65_536;

    /** Columns kept of an input where the run's blocks are kept in full. */
    private static final int INPUT_RANK = 10;

    /** No count is smaller: others are divided by it. */
    private static final double LEAST_COUNT = 1e-9;

    /** No number of a statistic is larger, so that what is computed of several of them stays finite. */
    private static final double MOST = 1e60;

    private final FitterSettings settings;

    /** Where a run is looked up. */
    @FunctionalInterface
    public interface Runs {
        /**
         * The run of an id; null where it is unknown.
         *
         * @param timestamp of the record that asks, milliseconds
         * @throws BadRecordException if the run's own record is unreadable
         */
        RunBlocks find(String runId, long timestamp);
    }

    /** A parser for a fit. */
    public StatisticsParser(FitterSettings settings) {
        this.settings = settings;
    }

    /**
     * Parses a record. The run is looked up only after everything has been checked that needs no run.
     *
     * @param key of the record; null is refused
     * @param value of the record; null is refused
     * @param timestamp of the record, milliseconds
     * @throws BadRecordException if the record cannot be folded, whatever the factors
     * @throws IllegalArgumentException if the fit asks for a higher rank than the run's statistics have
     */
    public Contribution parse(String key, Statistics value, long timestamp, Runs runs) {
        self(key, value);
        priorMean(value);
        RunBlocks run = runs.find(value.getRunId(), timestamp);
        if (run == null) {
            throw bad(value, "the run is unknown: topic runs does not have it");
        }
        if (run.fault() != null) {
            throw bad(value, "its run cannot be used: " + run.fault());
        }
        if (!Keys.isOfGeneration(run.run().getGeneration(), value.getCheckpoint())) {
            throw bad(value, "it is of an earlier run of this name, which was deleted");
        }
        List<Block> blocks = blocks(value, run);
        boolean input = run.inputs().contains(value.getBlock());
        Integer rank = input
                ? inputRank(settings.selection().rankOf(run.run()))
                : settings.selection().rankOf(run.run());
        BatchSums sums = sums(value, blocks.get(0), rank);
        List<double[]> smalls = new ArrayList<>();
        for (int i = 1; i < blocks.size(); i++) {
            smalls.add(small(value, value.getShared().get(i - 1), blocks.get(i)));
        }
        BadRecordException refusal = numbers(value, input);
        if (refusal != null && !input) {
            throw refusal;
        }
        boolean heldOut = input && refusal == null && HeldOut.takes(value);
        return new Contribution(value, blocks, rank, sums, smalls, input, heldOut, refusal);
    }

    /**
     * Why the numbers of the large side cannot be folded; null where they can. Of an input that does not make the
     * record void: see {@link Contribution#refusal}.
     */
    private static BadRecordException numbers(Statistics value, boolean input) {
        try {
            number(value, "trace", value.getTrace(), value.getTrace() >= 0, "from 0");
            if (input) {
                HeldOut.check(value);
            }
            return null;
        } catch (BadRecordException e) {
            return e;
        }
    }

    /** No input is kept in full: its fold would need as many questions as the model is wide. */
    private static Integer inputRank(Integer rank) {
        return rank == null ? (Integer) INPUT_RANK : rank;
    }

    /** Checks key and value against each other, and the numbers that need no run. */
    private static void self(String key, Statistics value) {
        if (key == null) {
            throw new BadRecordException("statistic without a key, expected runId/checkpoint/block");
        }
        if (value == null) {
            throw new BadRecordException("null value: statistics cannot be retracted");
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
        several(value, batches);
        double forgetting = value.getForgetting();
        number(value, "forgetting", forgetting, forgetting > 0 && forgetting <= 1, "in (0, 1]");
        number(value, "n", value.getN(), value.getN() >= LEAST_COUNT, "from " + LEAST_COUNT);
        number(value, "examples", value.getExamples(), value.getExamples() >= LEAST_COUNT, "from " + LEAST_COUNT);
        number(value, "logLikelihood", value.getLogLikelihood(), true, "finite");
        number(value, "squaredNorm", value.getSquaredNorm(), value.getSquaredNorm() >= 0, "from 0");
        Double distance = value.getSquaredDistance();
        if (distance != null) {
            number(value, "squaredDistance", distance, distance >= 0, "from 0");
        }
        for (SharedInput shared : value.getShared()) {
            String of = " of shared block " + shared.getBlock();
            number(value, "squaredNorm" + of, shared.getSquaredNorm(), shared.getSquaredNorm() >= 0, "from 0");
            Double sharedDistance = shared.getSquaredDistance();
            if (sharedDistance != null) {
                number(value, "squaredDistance" + of, sharedDistance, sharedDistance >= 0, "from 0");
            }
        }
    }

    /** The batches of a record that holds several. */
    private static void several(Statistics value, Long expected) {
        if (value.getBatches() < 1 || value.getBatches() > MOST_BATCHES) {
            throw bad(value, "batches " + value.getBatches() + ", expected 1 to " + MOST_BATCHES);
        }
        if (value.getStride() < 1) {
            throw bad(value, "stride " + value.getStride() + ", expected 1 or more");
        }
        long reach = (value.getBatches() - 1L) * value.getStride();
        long end = expected == null ? Long.MAX_VALUE : expected;
        if (value.getBatch() >= end - reach) {
            throw bad(
                    value,
                    value.getBatches() + " batches with a stride of " + value.getStride()
                            + " reach beyond the last one, " + (end - 1));
        }
    }

    /** Checks that a fit around the initial adapter can know its distance. */
    private void priorMean(Statistics value) {
        if (settings.prior().mean() == PriorMean.INITIAL
                && (value.getSquaredDistance() == null
                        || value.getShared().stream().anyMatch(shared -> shared.getSquaredDistance() == null))) {
            throw bad(value, "no squaredDistance to the initial adapter, which this fit's prior mean INITIAL needs");
        }
    }

    /**
     * The blocks that a statistic speaks of: its own, then those that read the same input, all of them with the input
     * as their large side.
     */
    private static List<Block> blocks(Statistics value, RunBlocks run) {
        Block first = block(value, run, value.getBlock());
        List<Block> blocks = new ArrayList<>(List.of(first));
        for (SharedInput shared : value.getShared()) {
            Block block = block(value, run, shared.getBlock());
            if (blocks.contains(block)) {
                throw bad(value, "block " + block.getName() + " shares the input with itself");
            }
            for (Block each : List.of(first, block)) {
                if (run.inputs().contains(each.getName())) {
                    throw bad(value, "input " + each.getName() + " shares its rows, which no block reads");
                }
            }
            for (Block each : List.of(first, block)) {
                if (each.getLargeSide() != Side.INPUT) {
                    throw bad(
                            value, "block " + each.getName() + " shares an input, but its large side is its gradient");
                }
            }
            if (RunBlocks.large(block) != RunBlocks.large(first)) {
                throw bad(
                        value,
                        "shared block " + block.getName() + " has an input of dimension " + RunBlocks.large(block)
                                + ", " + first.getName() + " of " + RunBlocks.large(first));
            }
            blocks.add(block);
        }
        return blocks;
    }

    private static Block block(Statistics value, RunBlocks run, String name) {
        Block block = run.blocks().get(name);
        if (block == null) {
            throw bad(value, "the run has no such block" + (name.equals(value.getBlock()) ? "" : " as " + name));
        }
        return block;
    }

    /**
     * Checks the tensors against the run's block, and gives them as numbers. Whether the rows are finite is seen when
     * they are folded, see {@link Contribution#notFolded}.
     */
    private BatchSums sums(Statistics value, Block block, Integer rank) {
        int d = RunBlocks.large(block);
        int r = RunBlocks.small(block);
        List<Integer> rows = value.getRows().getShape();
        if (rows.size() != 2 || rows.get(1) != d) {
            throw bad(value, "rows have shape " + rows + ", the run's block expects [m, " + d + "]");
        }
        try {
            FactorRecords.checkFits(d, rank, settings.compression());
            double[] small = small(value, "small", value.getSmall(), r);
            return new BatchSums(
                    FactorRecords.rows(value.getRows()),
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

    /** The small side of a block that shares the input. */
    private static double[] small(Statistics value, SharedInput shared, Block block) {
        try {
            return small(
                    value, "small of shared block " + shared.getBlock(), shared.getSmall(), RunBlocks.small(block));
        } catch (BadRecordException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw bad(value, e.getMessage());
        }
    }

    private static double[] small(Statistics value, String what, Tensor tensor, int r) {
        if (!tensor.getShape().equals(List.of(r, r))) {
            throw bad(
                    value,
                    what + " has shape " + tensor.getShape() + ", the run's block expects [" + r + ", " + r + "]");
        }
        return symmetric(value, what, finite(value, what, tensor), r);
    }

    /** The numbers of a tensor, all of which must be finite. */
    static double[] finite(Statistics statistics, String what, Tensor tensor) {
        double[] values = Tensors.doubles(tensor);
        for (int i = 0; i < values.length; i++) {
            if (!Double.isFinite(values[i])) {
                throw bad(statistics, what + " holds " + values[i] + " at index " + i + ", expected finite numbers");
            }
        }
        return values;
    }

    private static double[] symmetric(Statistics statistics, String what, double[] small, int r) {
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
                            what + " is not symmetric: " + a + " at [" + i + ", " + j + "], " + b + " at [" + j + ", "
                                    + i + "]");
                }
                mean[i * r + j] = (a + b) / 2;
            }
        }
        try {
            KroneckerFactor.smallSpectrum(mean, r);
        } catch (ArithmeticException e) {
            throw bad(statistics, what + " is " + e.getMessage());
        }
        return mean;
    }

    private static void number(Statistics statistics, String what, double value, boolean right, String accepted) {
        if (!right || !(Math.abs(value) <= MOST)) {
            throw bad(
                    statistics,
                    what + " is " + value + ", expected a finite number " + accepted + ", " + MOST + " at most");
        }
    }

    /** The exception that refuses a record, naming it. */
    static BadRecordException bad(Statistics value, String why) {
        return new BadRecordException("statistic of run " + value.getRunId() + ", checkpoint " + value.getCheckpoint()
                + ", block " + value.getBlock() + ", batch " + value.getBatch() + ": " + why);
    }
}
