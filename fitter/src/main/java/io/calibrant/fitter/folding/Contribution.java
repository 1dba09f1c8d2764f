package io.calibrant.fitter.folding;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.List;

/**
 * What one record of statistics adds to the factors of its blocks: checked against its key, its run and the settings of
 * the fit. Only {@link StatisticsParser} makes it, so that none exists that is invalid on its own. Two things are left
 * to {@link FactorState}: whether it continues the factors that are there, and whether its rows are finite, which the
 * fold finds out as it reads them. The rows stay where they lie in the record's bytes.
 */
public final class Contribution {
    private final Statistics statistics;
    private final List<Block> blocks;
    private final Integer rank;
    private final BatchSums sums;
    private final List<double[]> smalls;
    private final boolean input;
    private final boolean heldOut;
    private final BadRecordException refusal;

    /**
     * Everything must have been checked.
     *
     * @param blocks the block of the record, then those that share its input
     * @param rank columns to keep of the large side; null for all
     * @param sums of the record's own block
     * @param smalls small sides [r r] of the blocks that share the input, in their order
     * @param input whether it is of an input, on which familiarity rests, and no block of the adapter
     * @param heldOut whether it waits for the end of its pass, see {@link HeldOut}
     * @param refusal of its rows, where it is of an input, see {@link #refusal}; else null
     */
    Contribution(
            Statistics statistics,
            List<Block> blocks,
            Integer rank,
            BatchSums sums,
            List<double[]> smalls,
            boolean input,
            boolean heldOut,
            BadRecordException refusal) {
        this.statistics = statistics;
        this.blocks = List.copyOf(blocks);
        this.rank = rank;
        this.sums = sums;
        this.smalls = List.copyOf(smalls);
        this.input = input;
        this.heldOut = heldOut;
        this.refusal = refusal;
    }

    /** The run that it belongs to. */
    public String runId() {
        return statistics.getRunId();
    }

    /** The checkpoint that it was taken at. */
    public String checkpoint() {
        return statistics.getCheckpoint();
    }

    /** The name of its own block, under which the state of all its blocks is kept. */
    public String block() {
        return statistics.getBlock();
    }

    /** Whether it is of an input, on which familiarity rests. */
    boolean isInput() {
        return input;
    }

    /** Rows of its large side. */
    public int rows() {
        return sums.m();
    }

    /** Whether it waits for the end of its pass, see {@link HeldOut}. */
    public boolean isHeldOut() {
        return heldOut;
    }

    /**
     * Why nothing of an input's rows is folded; null where they are. Its batches count all the same, so that the pass
     * ends: familiarity does without these questions, and no calibration waits for them.
     */
    public BadRecordException refusal() {
        return refusal;
    }

    /** Under what it waits, if it does, beside the state of this key. */
    public String waitingKey(String state) {
        return HeldOut.key(state, statistics);
    }

    /** As it waits, if it does. */
    public Factor waiting(String fit) {
        return HeldOut.waiting(statistics, fit);
    }

    /** The record itself. */
    Statistics statistics() {
        return statistics;
    }

    /** Its own block, then those that share its input. */
    List<Block> blocks() {
        return blocks;
    }

    /** Columns to keep of the large side; null for all. */
    Integer rank() {
        return rank;
    }

    /** Its numbers for its own block. */
    BatchSums sums() {
        return sums;
    }

    /** Small sides [r r] of the blocks that share the input, in their order. */
    List<double[]> smalls() {
        return smalls;
    }

    /** The names of the blocks that share its input. */
    List<String> sharedBlocks() {
        return statistics.getShared().stream().map(SharedInput::getBlock).toList();
    }

    /** How many of its batches are folded already. */
    long alreadyIn(FoldedBatches folded) {
        return folded.count(statistics.getBatch(), statistics.getBatches(), statistics.getStride());
    }

    /** These batches and its own, none of which is among them. */
    FoldedBatches addedTo(FoldedBatches folded) {
        return folded.plus(statistics.getBatch(), statistics.getBatches(), statistics.getStride());
    }

    /** The exception that refuses it, for a reason that only shows together with the factors that are there. */
    BadRecordException refused(String why) {
        return StatisticsParser.bad(statistics, why);
    }

    /**
     * The exception that refuses it after its fold failed: a row that is not finite, or whose square is not.
     *
     * @param cause what the fold said
     */
    BadRecordException notFolded(ArithmeticException cause) {
        StatisticsParser.finite(statistics, "rows", statistics.getRows());
        return refused("it would make the factors overflow: " + cause.getMessage());
    }
}
