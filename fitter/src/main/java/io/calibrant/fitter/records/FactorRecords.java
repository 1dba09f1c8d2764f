package io.calibrant.fitter.records;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.FrequentDirections;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.DType;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorCompression;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Tensor;
import java.nio.ByteBuffer;

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
        LargeSide side;
        if (record.getForm() == FactorForm.FULL) {
            if (rows != d) {
                throw misfit(record, "large", large, "[d, d] for form FULL");
            }
            side = new FullSum(d, Tensors.doubles(large), record.getTrace());
        } else if (record.getCompression() == FactorCompression.FREQUENT_DIRECTIONS) {
            int k = rank == null ? Math.max(1, (rows + 1) / 2) : rank;
            side = new FrequentDirections(d, k, rows(large), record.getTrace(), record.getDelta());
        } else {
            side = new Columns(d, rank == null ? Math.max(1, rows) : rank, rows(large), record.getTrace());
        }
        return new KroneckerFactor(
                side, Tensors.doubles(small), record.getN(), record.getExamples(), record.getLogLikelihood());
    }

    /**
     * The numbers of a tensor where they lie, if they are float32; else in double precision.
     *
     * @throws IllegalArgumentException if the bytes are not what shape and dtype ask for
     */
    public static Rows rows(Tensor tensor) {
        ByteBuffer bytes = Tensors.bytes(tensor);
        return tensor.getDtype() == DType.F32 && bytes.hasArray()
                ? Rows.ofFloats(bytes)
                : Rows.of(Tensors.doubles(tensor));
    }

    /** The large side on the wire: L^T in float32, or the sum in float64 (float32 above 1,024 dimensions). */
    public static Tensor large(LargeSide side) {
        int d = side.dimension();
        if (side instanceof Columns columns) {
            return columns(columns.stored(), d);
        }
        if (side instanceof FrequentDirections directions) {
            return columns(directions.stored(), d);
        }
        FullSum full = (FullSum) side;
        return d <= WIDE ? Tensors.of(full.sum(), d, d) : Tensors.narrowed(full.sum(), d, d);
    }

    private static Tensor columns(Rows stored, int d) {
        int k = stored.length() / d;
        ByteBuffer floats = stored.floats();
        return floats == null ? Tensors.narrowed(stored.doubles(), k, d) : Tensors.ofFloats(floats, k, d);
    }

    /**
     * Checks that a factor fits a record.
     *
     * @throws IllegalArgumentException if it does not
     */
    public static void checkFits(int dimension, Integer rank, Compression compression) {
        long rows = dimension;
        if (rank != null && dimension > rank) {
            rows = compression == Compression.TRUNCATE ? rank : FrequentDirections.most(dimension, rank);
        }
        long bytes = rows * dimension * Float.BYTES;
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
     * @param posterior a posterior that was made from exactly these factors
     * @throws IllegalArgumentException if the posterior has no such block, or was made from other factors of it
     */
    public static BlockPosterior posterior(Factor factor, Posterior posterior) {
        for (BlockPrecision precision : posterior.getBlocks()) {
            if (precision.getBlock().equals(factor.getBlock())) {
                if (precision.getBatches() != factor.getBatches()) {
                    throw new IllegalArgumentException("block " + factor.getBlock() + ": the posterior was made from "
                            + precision.getBatches() + " batches, the factor holds " + factor.getBatches());
                }
                return BlockPosterior.of(
                        factor.getBlock(), factor(factor), posterior.getResidual(), precision.getLambda());
            }
        }
        throw new IllegalArgumentException("block " + factor.getBlock() + " is not in the posterior of run "
                + posterior.getRunId() + ", checkpoint " + posterior.getCheckpoint());
    }

    private static IllegalArgumentException misfit(Factor record, String what, Tensor found, String expected) {
        return new IllegalArgumentException("factor of block " + record.getBlock() + ": " + what + " has shape "
                + found.getShape() + ", expected " + expected);
    }
}
