package io.calibrant.infra.bench;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.TrainingTexts;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.curvature.FactorRows;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.statistics.BatchRange;
import io.calibrant.trainer.statistics.Checkpoint;
import io.calibrant.trainer.statistics.Publisher;
import io.calibrant.trainer.statistics.RowType;
import io.calibrant.trainer.statistics.RunDescription;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * The statistics of a curvature pass, of Llama-2-7B's shape unless told otherwise, without a model: random rows with a
 * falling spectrum, sent by the trainer's own publisher as it sends real ones.
 *
 * @param layers decoder layers; q_proj and v_proj of each, and lm_head, have an adapter of rank 8
 * @param width d
 * @param batches of four questions
 */
record FitterLoad(int layers, int width, int batches) {
    static final String RUN = "bench";
    static final int RANK = 10;
    static final int ROWS = 2 * RANK;
    static final int LORA_RANK = 8;

    private static final int QUESTIONS = 4;
    private static final int TOKENS = 300;
    private static final int HEAD_WIDTH = 128;

    /**
     * So many different rows, which blocks and batches take in turn: enough for every block to see others in each
     * batch.
     */
    private static final int POOL = 61;

    FitterLoad {
        Require.between("--layers", layers, 1, 200);
        Require.that(width >= HEAD_WIDTH && width % HEAD_WIDTH == 0, "--width", width, "a multiple of " + HEAD_WIDTH);
        Require.atLeast("--batches", batches, 4);
    }

    private ModelConfig config() {
        int heads = width / HEAD_WIDTH;
        return ModelConfig.llama(
                new ModelSizes(32_000, width, layers, heads, heads, HEAD_WIDTH, width * 11 / 4, 4096), false);
    }

    /** Publishes run, adapter and all statistics, a batch a transaction. */
    void publish(Connection connection) {
        ModelConfig config = config();
        ClassTokens classes = new ClassTokens(List.of(
                new ClassToken("A", 330),
                new ClassToken("B", 389),
                new ClassToken("C", 340),
                new ClassToken("D", 422)));
        LoraSettings lora = new LoraSettings(LORA_RANK, 16, 0, false, LoraTargets.of("q_proj", "v_proj", "lm_head"));
        Adapter adapter = Adapter.initialise(config, lora, classes.ids(), 0);
        RunDescription run = new RunDescription(
                RUN,
                "random",
                "none",
                adapter,
                classes,
                PromptForm.PAPER,
                TOKENS,
                KfacApproximation.EXPAND,
                FisherType.EXACT,
                RANK,
                QUESTIONS * batches,
                0,
                Map.of(),
                TrainingTexts.of(List.of()),
                0);
        Checkpoint checkpoint = new Checkpoint("step-1", adapter, adapter);
        Random random = new Random(0);
        List<FactorRows> pool = new ArrayList<>();
        for (int i = 0; i < POOL; i++) {
            pool.add(rows(random, ROWS, width));
        }
        FactorRows headInput = rows(random, QUESTIONS, width);
        FactorRows headGradient = rows(random, classes.size(), classes.size());
        double[] small = small(random);
        try (Publisher publisher = Publisher.open(connection, run, "0/1", RowType.F32)) {
            publisher.checkpoint(checkpoint);
            for (int batch = 0; batch < batches; batch++) {
                List<BlockStatistics> blocks = new ArrayList<>();
                String input = "";
                FactorRows shared = null;
                for (LoraMatrices matrices : adapter.matrices().values()) {
                    LinearShape linear = matrices.linear();
                    boolean head = linear.path().equals(ModelConfig.HEAD);
                    double n = head ? QUESTIONS : QUESTIONS * TOKENS;
                    // As in the curvature pass: maps that read one input have its rows in common.
                    if (!ModelConfig.inputOf(linear.path()).equals(input)) {
                        input = ModelConfig.inputOf(linear.path());
                        shared = head ? headInput : another(pool.get((2 * batch + blocks.size()) % POOL));
                    }
                    FactorRows gradient =
                            head ? headGradient : another(pool.get((2 * batch + blocks.size() + 1) % POOL));
                    blocks.add(new BlockStatistics(linear.path() + ".lora_A", shared, small, LORA_RANK, n));
                    blocks.add(new BlockStatistics(linear.path() + ".lora_B", gradient, small, LORA_RANK, n));
                }
                publisher.statistics(
                        checkpoint,
                        new BatchRange(batch, 1, (long) batches),
                        new CurvatureSum(blocks, List.of(), QUESTIONS, -QUESTIONS * 0.5, 1, 1));
            }
        }
    }

    /** A copy: blocks that hold the same object share one record. */
    private static FactorRows another(FactorRows rows) {
        return new FactorRows(rows.values(), rows.count(), rows.width(), rows.trace());
    }

    private static FactorRows rows(Random random, int count, int width) {
        float[] values = new float[count * width];
        double trace = 0;
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() / (1 + i / width));
            trace += (double) values[i] * values[i];
        }
        return new FactorRows(values, count, width, 1.25 * trace); // a quarter was lost when the rows were reduced
    }

    private static double[] small(Random random) {
        double[] root = random.doubles(LORA_RANK * LORA_RANK, -1, 1).toArray();
        double[] small = new double[LORA_RANK * LORA_RANK];
        for (int i = 0; i < LORA_RANK; i++) {
            for (int j = 0; j < LORA_RANK; j++) {
                for (int k = 0; k < LORA_RANK; k++) {
                    small[i * LORA_RANK + j] += root[i * LORA_RANK + k] * root[j * LORA_RANK + k];
                }
            }
        }
        return small;
    }
}
