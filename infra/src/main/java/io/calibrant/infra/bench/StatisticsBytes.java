package io.calibrant.infra.bench;

import ai.djl.ndarray.NDManager;
import io.calibrant.schemas.Connection;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.CurvatureFold;
import io.calibrant.trainer.curvature.CurvatureSum;
import io.calibrant.trainer.curvature.FactorRows;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.statistics.RowType;
import io.calibrant.trainer.statistics.StatisticsSize;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;

/**
 * How many bytes of statistics a fine-tuning step sends, or a batch of a curvature pass, for models of known shapes:
 * the records of every block are made and encoded as the trainer does it; only their numbers are drawn. No model is
 * needed.
 */
public final class StatisticsBytes {
    /** k; a batch of more than 2k tokens sends 2k rows a block. */
    public static final int RANK = 10;

    /** r. */
    public static final int LORA_RANK = 8;

    /** Questions a batch: lm_head has so many rows. */
    public static final int BATCH = 4;

    /** Choices. */
    public static final int CLASSES = 4;

    /** What --batches-per-record is tried with. */
    public static final List<Integer> BATCHES = List.of(1, 4);

    /** What --statistics-every is tried with. */
    public static final List<Integer> EVERY = List.of(1, 10);

    private static final Map<String, ModelConfig> SHAPES = new LinkedHashMap<>();

    static {
        SHAPES.put("SmolLM2-135M", Workload.SMOLLM_135M);
        SHAPES.put("Llama-2-7B", shape(32000, 4096, 32, 32, 32, 11008));
        SHAPES.put("Llama-3-70B", shape(128256, 8192, 80, 64, 8, 28672));
    }

    private static final List<String> TARGETS =
            List.of("q_proj,v_proj", "q_proj,v_proj,lm_head", "q_proj,k_proj,v_proj");

    /** Rows of one width are drawn once: what they are changes no byte count. */
    private final Map<Integer, float[]> drawn = new HashMap<>();

    private final Consumer<Sent> consumed;

    /**
     * What one setting sends.
     *
     * @param model whose shape it is
     * @param targets the adapted maps
     * @param shared whether maps that read the same input share its rows
     * @param rowType how rows go over the wire
     * @param batchesPerRecord batches folded into one record
     * @param every the statistics of every so many steps are sent
     * @param records a step
     * @param bytes a step, keys and values
     */
    public record Sent(
            String model,
            String targets,
            boolean shared,
            RowType rowType,
            int batchesPerRecord,
            int every,
            double records,
            double bytes) {
        /** As a figure; its name says the setting. */
        public Figure figure() {
            return Figure.absolute(
                    String.join(
                                    ".",
                                    "trainer.bytes_per_step",
                                    model,
                                    targets.replace("_proj", "").replace(',', '+'),
                                    shared ? "shared" : "separate",
                                    rowType.name(),
                                    batchesPerRecord + "_per_record",
                                    "every_" + every)
                            .toLowerCase(Locale.ROOT),
                    bytes,
                    "B");
        }
    }

    private StatisticsBytes(Consumer<Sent> consumed) {
        this.consumed = consumed;
    }

    /** Measures every setting. */
    public static void run(Consumer<Sent> consumed) {
        StatisticsBytes bytes = new StatisticsBytes(consumed);
        // the encoder asks a registry for the number of the schema and no broker for anything
        try (NDManager manager = NDManager.newBaseManager();
                StatisticsSize size = new StatisticsSize(Connection.to("127.0.0.1:9", "mock://statistics-bytes"))) {
            SHAPES.forEach((model, config) -> {
                for (String targets : TARGETS) {
                    for (boolean shared : new boolean[] {true, false}) {
                        bytes.measure(model, config, targets, shared, manager, size);
                    }
                }
            });
        }
    }

    private void measure(
            String model, ModelConfig config, String targets, boolean shared, NDManager manager, StatisticsSize size) {
        List<LinearShape> linears = LoraTargets.parse(targets).select(config);
        Map<Integer, List<LinearShape>> byLayer = new LinkedHashMap<>();
        linears.forEach(linear -> byLayer.computeIfAbsent(ModelConfig.layerOf(linear.path()), l -> new ArrayList<>())
                .add(linear));
        for (int batches : BATCHES) {
            Map<RowType, StatisticsSize.Size> sums = new HashMap<>();
            CurvatureSum layer = null;
            for (Map.Entry<Integer, List<LinearShape>> entry : byLayer.entrySet()) {
                boolean head = entry.getKey() == Integer.MAX_VALUE;
                // layers differ in their names only: one of them is folded
                CurvatureSum sum = head || layer == null
                        ? folded(entry.getValue(), shared, batches, manager)
                        : renamed(layer, entry.getValue());
                layer = head ? layer : sum;
                for (RowType rowType : RowType.values()) {
                    sums.merge(
                            rowType,
                            size.of("news-1", rowType, 1000, sum), // a number of two bytes, as most are
                            StatisticsSize.Size::plus);
                }
            }
            for (RowType rowType : RowType.values()) {
                for (int every : EVERY) {
                    double steps = (double) batches * every;
                    consumed.accept(new Sent(
                            model,
                            targets,
                            shared,
                            rowType,
                            batches,
                            every,
                            sums.get(rowType).records() / steps,
                            sums.get(rowType).bytes() / steps));
                }
            }
        }
    }

    private CurvatureSum folded(List<LinearShape> linears, boolean shared, int batches, NDManager manager) {
        CurvatureFold fold = new CurvatureFold(batches, 1, RANK, "bench", manager);
        for (int batch = 0; batch < batches; batch++) {
            Optional<CurvatureSum> sum =
                    fold.add(batch, new BatchCurvature(batch(linears, shared), inputs(linears), BATCH, -1, 1));
            if (sum.isPresent()) {
                return sum.get();
            }
        }
        throw new IllegalStateException("no sum after " + batches + " batches");
    }

    /** What a batch says of some maps, as {@link io.calibrant.trainer.curvature.Curvature} leaves it. */
    private List<BlockStatistics> batch(List<LinearShape> linears, boolean shared) {
        Map<String, FactorRows> inputs = new HashMap<>();
        List<BlockStatistics> blocks = new ArrayList<>();
        for (LinearShape linear : linears) {
            boolean head = linear.path().equals(ModelConfig.HEAD);
            int rows = head ? BATCH : 2 * RANK;
            FactorRows input = inputs.computeIfAbsent(
                    shared ? ModelConfig.inputOf(linear.path()) : linear.path(), x -> rows(rows, linear.inputs()));
            double[] small = new double[LORA_RANK * LORA_RANK];
            Arrays.fill(small, 0.5);
            int outputs = head ? CLASSES : linear.outputs();
            blocks.add(new BlockStatistics(linear.path() + ".lora_A", input, small, LORA_RANK, rows));
            blocks.add(new BlockStatistics(linear.path() + ".lora_B", rows(rows, outputs), small, LORA_RANK, rows));
        }
        return blocks;
    }

    /** What the attention maps of a layer read at the last token; none of the head. */
    private List<BlockStatistics> inputs(List<LinearShape> linears) {
        LinearShape first = linears.get(0);
        return ModelConfig.isHead(first.path())
                ? List.of()
                : List.of(BlockStatistics.ofInput(
                        ModelConfig.lastInput(ModelConfig.layerOf(first.path())), rows(BATCH, first.inputs()), BATCH));
    }

    private FactorRows rows(int count, int width) {
        float[] values = drawn.computeIfAbsent(count * width, StatisticsBytes::normal);
        return new FactorRows(values, count, width, count * width);
    }

    private static float[] normal(int count) {
        Random random = new Random(0);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** The sum of one layer under the names of another; blocks that share rows still do. */
    private static CurvatureSum renamed(CurvatureSum layer, List<LinearShape> linears) {
        List<String> names = linears.stream()
                .map(LinearShape::path)
                .flatMap(path -> List.of(path + ".lora_A", path + ".lora_B").stream())
                .toList();
        List<BlockStatistics> blocks = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            BlockStatistics block = layer.blocks().get(i);
            blocks.add(block.under(names.get(i)));
        }
        List<BlockStatistics> inputs = layer.inputs().stream()
                .map(input -> input.under(
                        ModelConfig.lastInput(ModelConfig.layerOf(linears.get(0).path()))))
                .toList();
        return new CurvatureSum(
                blocks, inputs, layer.examples(), layer.logLikelihood(), layer.batches(), layer.forgetting());
    }

    private static ModelConfig shape(int vocabulary, int width, int layers, int heads, int keyValueHeads, int hidden) {
        return ModelConfig.llama(
                new ModelSizes(vocabulary, width, layers, heads, keyValueHeads, width / heads, hidden, 4096), false);
    }
}
