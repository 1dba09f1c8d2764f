package io.calibrant.fitter.records;

import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.fitter.posterior.BlockPosterior;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Tensor;

/** Reads and writes the factors of a block. */
public final class FactorRecords {
    /** A full sum is stored in float64 up to this dimension (8 MB), in float32 above. */
    private static final int WIDE = 1024;

    private FactorRecords() {}

    /**
     * The factors that a record holds.
     *
     * @throws IllegalArgumentException if its tensors do not fit each other
     */
    public static KroneckerFactor factor(Factor record) {
        return factor(record, null);
    }

    /**
     * The same, to be folded on.
     *
     * @param rank columns to keep from here on; null for as many as the record has
     */
    public static KroneckerFactor factor(Factor record, Integer rank) {
        Tensor large = record.getLarge();
        Tensor small = record.getSmall();
        if (large.getShape().size() != 2) {
            throw misfit(record, "large", large, "[k, d] or [d, d]");
        }
        if (small.getShape().size() != 2
                || !small.getShape().get(0).equals(small.getShape().get(1))) {
            throw misfit(record, "small", small, "[r, r]");
        }
        int rows = large.getShape().get(0);
        int d = large.getShape().get(1);
        double[] values = Tensors.doubles(large);
        LargeSide side;
        if (record.getForm() == FactorForm.FULL) {
            if (rows != d) {
                throw misfit(record, "large", large, "[d, d] for form FULL");
            }
            side = new FullSum(d, values, record.getTrace());
        } else {
            side = new Columns(d, rank == null ? Math.max(1, rows) : rank, values, record.getTrace());
        }
        return new KroneckerFactor(
                side, Tensors.doubles(small), record.getN(), record.getExamples(), record.getLogLikelihood());
    }

    /** The large side on the wire: L^T in float32, or the sum in float64 (float32 above 1,024 dimensions). */
    public static Tensor large(LargeSide side) {
        if (side instanceof Columns columns) {
            return Tensors.of(floats(columns.columns()), columns.count(), columns.dimension());
        }
        FullSum full = (FullSum) side;
        int d = full.dimension();
        return d <= WIDE ? Tensors.of(full.sum(), d, d) : Tensors.of(floats(full.sum()), d, d);
    }

    /**
     * Checks that a factor kept in full fits a record.
     *
     * @throws IllegalArgumentException if it does not
     */
    public static void checkFits(int dimension, Integer rank) {
        long bytes = (rank == null || dimension <= rank ? dimension : rank) * (long) dimension * Float.BYTES;
        if (bytes + (64 << 10) > Topics.MAX_RECORD_BYTES) {
            throw new IllegalArgumentException("a factor of dimension " + dimension + " at rank "
                    + (rank == null ? "full" : rank) + " takes " + bytes + " bytes, more than the "
                    + Topics.MAX_RECORD_BYTES + " of a record: train with --rank N");
        }
    }

    /**
     * The eigenpairs of one block's posterior, for a predictive.
     *
     * @param factor the block's factors
     * @param posterior a posterior that stands on exactly these factors
     * @throws IllegalArgumentException if the posterior has no such block, or stands on other factors of it
     */
    public static BlockPosterior posterior(Factor factor, Posterior posterior) {
        for (BlockPrecision precision : posterior.getBlocks()) {
            if (precision.getBlock().equals(factor.getBlock())) {
                if (precision.getBatches() != factor.getBatches()) {
                    throw new IllegalArgumentException("block " + factor.getBlock() + ": the posterior stands on "
                            + precision.getBatches() + " batches, the factor holds " + factor.getBatches());
                }
                return BlockPosterior.of(
                        factor.getBlock(), factor(factor), posterior.getResidual(), precision.getLambda());
            }
        }
        throw new IllegalArgumentException("block " + factor.getBlock() + " is not in the posterior of run "
                + posterior.getRunId() + ", checkpoint " + posterior.getCheckpoint());
    }

    private static float[] floats(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    private static IllegalArgumentException misfit(Factor record, String what, Tensor found, String expected) {
        return new IllegalArgumentException("factor of block " + record.getBlock() + ": " + what + " has shape "
                + found.getShape() + ", expected " + expected);
    }
}
