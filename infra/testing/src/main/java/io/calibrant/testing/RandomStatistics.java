package io.calibrant.testing;

import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import java.util.Random;

/** Statistics of a made-up pass that no trainer has made. */
public final class RandomStatistics {
    public static final String RUN = "r";
    public static final String CHECKPOINT = "step-1";

    /** Of the examples of one batch, nats. */
    public static final double LOG_LIKELIHOOD = -3;

    private RandomStatistics() {}

    /** The dimension of the side that is kept in a few columns. */
    public static int large(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getInputs() : block.getOutputs();
    }

    /** That of the side that is kept in full. */
    public static int small(Block block) {
        return block.getLargeSide() == Side.INPUT ? block.getOutputs() : block.getInputs();
    }

    /**
     * One batch of one block, the same for the same seed; without a source, and of a pass without an end.
     *
     * @param rows of the large side
     */
    public static Statistics of(Block block, int batch, int rows, long seed) {
        Random random = new Random(seed);
        int large = large(block);
        int small = small(block);
        float[] ofLarge = new float[rows * large];
        double trace = 0;
        for (int i = 0; i < ofLarge.length; i++) {
            ofLarge[i] = random.nextFloat() - 0.5f;
            trace += (double) ofLarge[i] * ofLarge[i];
        }
        float[] ofSmall = new float[small * small];
        for (int i = 0; i < small; i++) {
            ofSmall[i * (small + 1)] = 1 + random.nextFloat();
        }
        return Statistics.newBuilder()
                .setRunId(RUN)
                .setCheckpoint(CHECKPOINT)
                .setBlock(block.getName())
                .setBatch(batch)
                .setRows(Tensors.of(ofLarge, rows, large))
                .setSmall(Tensors.of(ofSmall, small, small))
                .setN(30)
                .setExamples(4)
                .setTrace(trace * 1.1)
                .setLogLikelihood(LOG_LIKELIHOOD)
                .setSquaredNorm(2)
                .build();
    }
}
