package io.calibrant.fitter.faults;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import java.time.Instant;
import java.util.HashSet;
import java.util.Set;

/**
 * The oracle: the statistics of one block folded one after the other, each batch once, through float32 at every step.
 */
public final class PlainFold {
    private final Set<Long> batches = new HashSet<>();
    private final Block block;
    private final int rank;
    private KroneckerFactor factor;
    private Statistics last;
    private Long expected;
    private Instant time = Instant.EPOCH;

    /** Of no batch yet. */
    public PlainFold(Block block, int rank) {
        this.block = block;
        this.rank = rank;
        factor = KroneckerFactor.empty(large(block), small(block), rank, Compression.TRUNCATE);
    }

    /** The dimension of the side that is kept in a few columns. */
    public static int large(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getInputs() : block.getOutputs();
    }

    /** That of the side that is kept in full. */
    public static int small(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getOutputs() : block.getInputs();
    }

    /**
     * Folds a batch, or passes it over where it is folded.
     *
     * @param timestamp of the record, milliseconds
     */
    public void add(Statistics statistics, long timestamp) {
        if (!batches.add(statistics.getBatch())) {
            return;
        }
        factor = rounded(factor.fold(
                new BatchSums(
                        Rows.of(Tensors.doubles(statistics.getRows())),
                        statistics.getRows().getShape().get(0),
                        statistics.getTrace(),
                        Tensors.doubles(statistics.getSmall()),
                        statistics.getN(),
                        statistics.getExamples(),
                        statistics.getLogLikelihood()),
                statistics.getForgetting()));
        last = statistics;
        expected = statistics.getBatchesExpected() == null ? expected : statistics.getBatchesExpected();
        time = time.isAfter(Instant.ofEpochMilli(timestamp)) ? time : Instant.ofEpochMilli(timestamp);
    }

    private KroneckerFactor rounded(KroneckerFactor wide) {
        if (!(wide.large() instanceof Columns columns)) {
            return wide;
        }
        double[] narrow = Tensors.doubles(FactorRecords.large(columns));
        return new KroneckerFactor(
                new Columns(columns.dimension(), rank, Rows.of(narrow), columns.trace()),
                wide.small(),
                wide.n(),
                wide.examples(),
                wide.logLikelihood());
    }

    /** Which batches are in it. */
    Set<Long> batches() {
        return batches;
    }

    /** The record that a fit of all batches below their number must have ended with. */
    public Factor factor(String fit) {
        return Factor.newBuilder()
                .setRunId(last.getRunId())
                .setCheckpoint(last.getCheckpoint())
                .setBlock(block.getName())
                .setFit(fit)
                .setLarge(FactorRecords.large(factor.large()))
                .setForm(factor.large() instanceof Columns ? FactorForm.COLUMNS : FactorForm.FULL)
                .setSmall(Tensors.of(factor.small(), small(block), small(block)))
                .setN(factor.n())
                .setExamples(factor.examples())
                .setTrace(factor.large().trace())
                .setLogLikelihood(factor.logLikelihood())
                .setSquaredNorm(last.getSquaredNorm())
                .setBatches(batches.size())
                .setBatchesExpected(expected)
                .setFoldedBelow(batches.size())
                .setTimestamp(time)
                .build();
    }
}
