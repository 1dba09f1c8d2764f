package io.calibrant.trainer.curvature;

import java.util.LinkedHashMap;
import java.util.Map;

/** The naive end of the chain: rows and small sides of many batches summed up to A and S of every block. */
final class Sums {
    /** Both sides of one block: [d, d] and [r, r]. */
    static final class Block {
        double[] large;
        int largeWidth;
        double[] small;
        int smallWidth;
        double n;
        double trace;
    }

    final Map<String, Block> blocks = new LinkedHashMap<>();
    double logLikelihood;
    int examples;

    void add(BatchCurvature batch) {
        logLikelihood += batch.logLikelihood();
        examples += batch.examples();
        for (BlockStatistics statistics : batch.blocks()) {
            Block block = blocks.computeIfAbsent(statistics.block(), name -> new Block());
            int d = statistics.rows().width();
            int r = statistics.smallWidth();
            if (block.large == null) {
                block.large = new double[d * d];
                block.largeWidth = d;
                block.small = new double[r * r];
                block.smallWidth = r;
            }
            float[] rows = statistics.rows().values();
            for (int m = 0; m < statistics.rows().count(); m++) {
                for (int i = 0; i < d; i++) {
                    for (int j = 0; j < d; j++) {
                        block.large[i * d + j] += (double) rows[m * d + i] * rows[m * d + j];
                    }
                }
            }
            for (int i = 0; i < r * r; i++) {
                block.small[i] += statistics.small()[i];
            }
            block.n += statistics.n();
            block.trace += statistics.rows().trace();
        }
    }

    /** Sum over all inputs, whichever side they are. */
    double[] inputs(String block) {
        return block.endsWith(".lora_A") ? blocks.get(block).large : blocks.get(block).small;
    }

    /** Sum over all gradients, whichever side they are. */
    double[] gradients(String block) {
        return block.endsWith(".lora_A") ? blocks.get(block).small : blocks.get(block).large;
    }

    /** Relative Frobenius distance. */
    static double distance(double[] actual, double[] expected) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return Math.sqrt(difference / norm);
    }
}
