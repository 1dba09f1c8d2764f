package io.calibrant.fitter.topology;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Naive;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.List;

/**
 * A made-up run with three blocks, compressed, in full and larger than the eigenvalues are cheap, and its statistics.
 */
final class Pass {
    static final String RUN = "run-1";
    static final String CHECKPOINT = "step-7";
    static final int RANK = 5;
    static final Block A = new Block("model.layers.0.self_attn.q_proj.lora_A", 3, 61, Side.INPUT);
    static final Block B = new Block("model.layers.0.self_attn.q_proj.lora_B", 37, 3, Side.GRADIENT);
    static final Block HEAD = new Block("lm_head.lora_B", 4, 3, Side.GRADIENT);
    static final List<Block> BLOCKS = List.of(A, B, HEAD);

    static {
        TrustedRecords.trust();
    }

    private Pass() {}

    static Run run(Integer rank) {
        return Run.newBuilder()
                .setRunId(RUN)
                .setBlocks(BLOCKS)
                .setRank(rank)
                .setTrainingQuestions(40)
                .build();
    }

    static int d(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getInputs() : block.getOutputs();
    }

    static int r(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getOutputs() : block.getInputs();
    }

    static String key(Block block) {
        return Keys.block(RUN, CHECKPOINT, block.getName());
    }

    static String factorKey(Block block) {
        return Keys.blockFit(RUN, CHECKPOINT, block.getName(), "default");
    }

    /** Statistics of one batch of four examples and seven rows, in float32 as trainers send them. */
    static Statistics statistic(Block block, long batch, Long expected) {
        BatchSums sums = sums(block, batch);
        float[] rows = new float[sums.rows().length()];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = (float) sums.rows().doubles()[i];
        }
        float[] small = new float[sums.small().length];
        for (int i = 0; i < small.length; i++) {
            small[i] = (float) sums.small()[i];
        }
        return Statistics.newBuilder()
                .setRunId(RUN)
                .setCheckpoint(CHECKPOINT)
                .setBlock(block.getName())
                .setBatch(batch)
                .setBatchesExpected(expected)
                .setRows(Tensors.of(rows, sums.m(), d(block)))
                .setSmall(Tensors.of(small, r(block), r(block)))
                .setN(sums.n())
                .setExamples(sums.examples())
                .setTrace(sums.trace())
                .setLogLikelihood(sums.logLikelihood())
                .setSquaredNorm(squaredNorm(block))
                .setSquaredDistance(squaredNorm(block) / 2)
                .build();
    }

    static double squaredNorm(Block block) {
        return 1 + BLOCKS.indexOf(block);
    }

    static BatchSums sums(Block block, long batch) {
        int seed = (int) (1000L * BLOCKS.indexOf(block) + batch);
        double[] rows = floats(Naive.random(seed, 7 * d(block)));
        double[] small = floats(Naive.outer(Naive.random(seed + 500, 7 * r(block)), 7, r(block)));
        return new BatchSums(Rows.of(rows), 7, 1.25 * Naive.squaredNorm(rows), small, 28, 4, -2.5 - batch * 0.01);
    }

    /** The factor of these batches, folded in double precision throughout. */
    static KroneckerFactor folded(Block block, Integer rank, long... batches) {
        KroneckerFactor factor = KroneckerFactor.empty(d(block), r(block), rank, Compression.TRUNCATE);
        for (long batch : batches) {
            factor = factor.fold(sums(block, batch), 1);
        }
        return factor;
    }

    private static double[] floats(double[] values) {
        double[] rounded = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            rounded[i] = (float) values[i];
        }
        return rounded;
    }
}
