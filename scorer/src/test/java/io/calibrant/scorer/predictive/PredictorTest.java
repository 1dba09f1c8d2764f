package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.link.Link;
import io.calibrant.fitter.link.LinkFunction;
import io.calibrant.fitter.link.Prediction;
import io.calibrant.scorer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.RealMatrix;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The predictor on a small random model in float64 against its naive twin: one question at a time, J from PyTorch's own
 * gradients of the adapter's weights, and a dense inverse.
 */
class PredictorTest {
    private static final int VOCABULARY = 40;
    private static final int WIDTH = 12;
    private static final int FEED_FORWARD = 10;
    private static final int RANK = 3;
    private static final int[] TOKENS = {7, 3, 30, 21, 12, 39};

    @TempDir
    static Path directory;

    private static LanguageModel model;
    private static AdaptedModel adapted;
    private static List<BlockPosterior> posterior;

    @BeforeAll
    static void load() throws IOException {
        write(directory, VOCABULARY);
        model = LanguageModel.load(directory, TestDevice.get(), DataType.FLOAT64);
        LoraSettings settings = new LoraSettings(
                RANK, 4, 0, false, LoraTargets.of("q_proj", "v_proj", "o_proj", "down_proj", "lm_head"));
        adapted = new AdaptedModel(model, trained(model, settings, TOKENS));
        posterior = new ArrayList<>();
        for (LoraWeights.Pair pair : adapted.weights().pairs().values()) {
            posterior.add(block(pair.linear().path() + ".lora_A", pair.linear().inputs()));
            posterior.add(block(pair.linear().path() + ".lora_B", pair.linear().outputs()));
        }
    }

    /** An adapter with random matrices. */
    private static Adapter trained(LanguageModel of, LoraSettings settings, int[] tokens) {
        Random random = new Random(8);
        List<LoraMatrices> weights = new ArrayList<>();
        for (LoraMatrices m :
                Adapter.initialise(of.config(), settings, tokens, 1).matrices().values()) {
            LinearShape linear = m.linear();
            weights.add(new LoraMatrices(
                    linear, RANK, gaussian(random, RANK * linear.inputs()), gaussian(random, linear.outputs() * RANK)));
        }
        return Adapter.of(of.config(), settings, tokens, weights);
    }

    @AfterAll
    static void close() {
        adapted.close();
        model.close();
    }

    @Test
    void shouldMeetItsNaiveTwinForMixedQuestionsInOneBatch() {
        List<EncodedPrompt> prompts = prompts();
        List<Predictive> found;
        try (Predictor predictor = new Predictor(adapted, posterior)) {
            found = predictor.predict(prompts);
        }
        for (int i = 0; i < prompts.size(); i++) {
            RealMatrix twin = twin(prompts.get(i));
            double[][] covariance = found.get(i).covariance();
            assertThat(covariance).hasDimensions(twin.getRowDimension(), twin.getRowDimension());
            for (int c = 0; c < covariance.length; c++) {
                for (int e = 0; e < covariance.length; e++) {
                    double scale = Math.sqrt(twin.getEntry(c, c) * twin.getEntry(e, e));
                    assertThat(covariance[c][e]).isEqualTo(twin.getEntry(c, e), within(1e-10 * scale));
                }
            }
            assertThat(found.get(i).novelty()).isPositive().isLessThan(1);
        }
    }

    @Test
    void shouldNotSeeWhoSharesTheBatch() {
        List<EncodedPrompt> prompts = prompts();
        try (Predictor predictor = new Predictor(adapted, posterior)) {
            List<Predictive> together = predictor.predict(prompts);
            List<EncodedPrompt> backwards = new ArrayList<>(prompts);
            Collections.reverse(backwards);
            List<Predictive> reversed = predictor.predict(backwards);
            Collections.reverse(reversed);
            for (int i = 0; i < prompts.size(); i++) {
                Predictive alone = predictor.predict(List.of(prompts.get(i))).get(0);
                for (Predictive other : List.of(together.get(i), reversed.get(i))) {
                    assertThat(other.novelty()).isEqualTo(alone.novelty(), within(1e-11));
                    assertThat(other.mean()).containsExactly(alone.mean(), within(1e-11));
                    for (int c = 0; c < alone.mean().length; c++) {
                        assertThat(other.covariance()[c])
                                .containsExactly(alone.covariance()[c], within(1e-10 * alone.covariance()[c][c]));
                    }
                }
            }
        }
    }

    @Test
    void shouldNameABlockThatThePosteriorLacksHasTooManyOrShapesOtherwise() {
        List<BlockPosterior> fewer = posterior.subList(1, posterior.size());
        assertThatThrownBy(() -> new Predictor(adapted, fewer))
                .hasMessageContaining("lacks block model.layers.0.self_attn.q_proj.lora_A");
        List<BlockPosterior> more = new ArrayList<>(posterior);
        more.add(block("model.layers.9.self_attn.q_proj.lora_A", WIDTH));
        assertThatThrownBy(() -> new Predictor(adapted, more)).hasMessageContaining("model.layers.9");
        List<BlockPosterior> other = new ArrayList<>(fewer);
        other.add(block("model.layers.0.self_attn.q_proj.lora_A", WIDTH + 1));
        assertThatThrownBy(() -> new Predictor(adapted, other)).hasMessageContaining("sides of 12 and 3");
    }

    @Test
    void shouldLetOnlyTheNamedMapsCarryTheCovariance() {
        List<EncodedPrompt> prompts = prompts();
        Set<String> top = Set.of("model.layers.1.self_attn.v_proj", "model.layers.1.mlp.down_proj", "lm_head");
        List<Predictive> found;
        List<Predictive> all;
        try (Predictor some = new Predictor(adapted, posterior, top);
                Predictor every = new Predictor(adapted, posterior)) {
            found = some.predict(prompts);
            all = every.predict(prompts);
        }
        for (int i = 0; i < prompts.size(); i++) {
            RealMatrix twin = twin(prompts.get(i), name -> top.contains(name.substring(0, name.lastIndexOf('.'))));
            double[][] covariance = found.get(i).covariance();
            for (int c = 0; c < covariance.length; c++) {
                for (int e = 0; e < covariance.length; e++) {
                    double scale = Math.sqrt(twin.getEntry(c, c) * twin.getEntry(e, e));
                    assertThat(covariance[c][e]).isEqualTo(twin.getEntry(c, e), within(1e-10 * scale));
                }
            }
            assertThat(found.get(i).mean()).containsExactly(all.get(i).mean(), within(1e-12));
        }
    }

    @Test
    void shouldBeThePlainForwardPassWhereNoMapCarriesTheCovariance() {
        List<EncodedPrompt> prompts = prompts();
        try (Predictor none = new Predictor(adapted, posterior, Set.of());
                Predictor every = new Predictor(adapted, posterior)) {
            List<Predictive> plain = none.predict(prompts);
            List<Predictive> all = every.predict(prompts);
            for (int i = 0; i < prompts.size(); i++) {
                assertThat(plain.get(i).mean()).containsExactly(all.get(i).mean(), within(1e-12));
                assertThat(plain.get(i).covariance())
                        .isEqualTo(
                                new double[plain.get(i).mean().length]
                                        [plain.get(i).mean().length]);
                assertThat(plain.get(i).novelty()).isEqualTo(1);
            }
        }
        assertThatThrownBy(() -> new Predictor(adapted, posterior, Set.of("model.layers.1.mlp.up_proj")))
                .hasMessageContaining("not all of [model.layers.1.mlp.up_proj] are adapted");
    }

    /** From the projections alone, in float32 on the wire, the covariance at any lambda. */
    @Test
    void shouldMeasureWhatTheCovarianceNeedsWhateverThePriorPrecision() {
        List<EncodedPrompt> prompts = prompts();
        List<Predictive> measured;
        try (Predictor predictor = new Predictor(adapted, posterior)) {
            measured = predictor.measure(prompts);
            assertThat(predictor.predict(prompts))
                    .allMatch(one -> one.projections().isEmpty());
        }
        for (double lambda : new double[] {0.7, 50}) {
            List<BlockPosterior> other = posterior.stream()
                    .map(b -> new BlockPosterior(
                            b.block(), b.dimension(), b.w(), b.u(), b.residual(), b.s(), b.q(), b.n(), lambda))
                    .toList();
            List<Predictive> expected;
            try (Predictor predictor = new Predictor(adapted, other)) {
                expected = predictor.predict(prompts);
            }
            for (int i = 0; i < prompts.size(); i++) {
                double[][] covariance = expected.get(i).covariance();
                double[][] found = new double[covariance.length][covariance.length];
                assertThat(measured.get(i).projections()).hasSameSizeAs(other);
                for (ContrastProjections block : measured.get(i).projections()) {
                    BlockPosterior of = other.stream()
                            .filter(b -> b.block().equals(block.block()))
                            .findFirst()
                            .orElseThrow();
                    assertThat(block.contrasts()).isEqualTo(covariance.length);
                    assertThat(block.restRows()).isEqualTo(of.kept() < of.dimension() ? RANK : 0);
                    add(found, block, of);
                }
                for (int c = 0; c < found.length; c++) {
                    for (int e = 0; e < found.length; e++) {
                        double scale = Math.sqrt(covariance[c][c] * covariance[e][e]);
                        assertThat(found[c][e]).isEqualTo(covariance[c][e], within(1e-6 * scale));
                    }
                }
            }
        }
    }

    /** A question of so many choices is measured with sampled answers, folded, and answered as one of few is. */
    @Test
    void shouldAnswerAQuestionOf224ChoicesFromItsSampledCurvature(@TempDir Path other) throws IOException {
        int choices = 224;
        write(other, choices + 30);
        List<Choice> labels = IntStream.range(0, choices)
                .mapToObj(c -> new Choice("L" + c, "text"))
                .toList();
        int[] classes = IntStream.range(0, choices).toArray();
        Random random = new Random(6);
        List<EncodedPrompt> prompts = IntStream.of(9, 5, 12)
                .mapToObj(length -> new EncodedPrompt(
                        new Question("q" + length, "which", null, labels, "L" + 17 * length),
                        random.longs(length, 0, choices).toArray(),
                        classes))
                .toList();
        int[] tokens = IntStream.range(20, 20 + choices).toArray();
        LoraSettings settings = new LoraSettings(RANK, 4, 0, false, LoraTargets.of("q_proj", "lm_head"));
        try (LanguageModel wide = LanguageModel.load(other, TestDevice.get());
                AdaptedModel many = new AdaptedModel(wide, trained(wide, settings, tokens))) {
            BatchCurvature measured = new KfacEstimator(KfacApproximation.EXPAND, FisherType.MC, 5, "many", 3)
                    .measure(many, prompts, 0, 0);
            List<BlockPosterior> folded = measured.blocks().stream()
                    .map(block -> BlockPosterior.of(
                            block.block(),
                            KroneckerFactor.empty(block.rows().width(), block.smallWidth(), 5, Compression.TRUNCATE)
                                    .fold(SequenceClassifierTest.sums(block, measured), 1),
                            true,
                            2))
                    .toList();
            try (Predictor predictor = new Predictor(many, folded)) {
                Predictive found = predictor.predict(prompts).get(1);
                Prediction served = new Link(LinkFunction.MC, 64, 1).predict(found.mean(), found.covariance());
                assertThat(Arrays.stream(served.probabilities()).filter(p -> p > 0))
                        .hasSize(choices);
                assertThat(Arrays.stream(served.probabilities()).sum()).isCloseTo(1, within(1e-9));
                assertThat(served.mutualInformation()).isBetween(1e-6, served.entropy());
                for (int c : new int[] {0, 100, 222}) {
                    EncodedPrompt two = new EncodedPrompt(null, prompts.get(1).ids(), new int[] {c, choices - 1});
                    double variance = predictor.predict(List.of(two)).get(0).covariance()[0][0];
                    assertThat(found.covariance()[c][c])
                            .as("of choices %s", c)
                            .isCloseTo(variance, within(1e-5 * variance));
                }
            }
        }
    }

    private static void add(double[][] covariance, ContrastProjections block, BlockPosterior of) {
        int contrasts = covariance.length;
        for (int c = 0; c < contrasts; c++) {
            for (int e = 0; e < contrasts; e++) {
                for (int j = 0; j < block.small(); j++) {
                    for (int i = 0; i < block.kept(); i++) {
                        covariance[c][e] += (double) block.projections()[(c * block.small() + j) * block.kept() + i]
                                * block.projections()[(e * block.small() + j) * block.kept() + i]
                                / of.precision(i, j);
                    }
                    if (block.restRows() > 0) {
                        covariance[c][e] += block.rest()[(j * contrasts + c) * contrasts + e] / of.residualPrecision(j);
                    }
                }
            }
        }
    }

    private static BlockPosterior block(String name, int large) {
        long seed = name.hashCode();
        return BlockPosteriors.of(
                name,
                BlockPosteriors.sum(large, 2 * large, seed),
                BlockPosteriors.sum(RANK, 9, seed + 1),
                4,
                true,
                11,
                0.7);
    }

    private static List<EncodedPrompt> prompts() {
        Random random = new Random(4);
        List<EncodedPrompt> prompts = new ArrayList<>();
        int[][] classes = {{0, 1}, {5, 2, 0, 1, 3, 4}, {2, 1, 0}, {3, 5}, {4, 3, 2, 1}};
        int[] lengths = {9, 4, 13, 1, 7};
        for (int i = 0; i < classes.length; i++) {
            prompts.add(new EncodedPrompt(
                    null, random.longs(lengths[i], 0, VOCABULARY).toArray(), classes[i]));
        }
        return prompts;
    }

    private static RealMatrix twin(EncodedPrompt prompt) {
        return twin(prompt, name -> true);
    }

    /** @param carries which blocks, by name, carry the covariance */
    private static RealMatrix twin(EncodedPrompt prompt, Predicate<String> carries) {
        int contrasts = prompt.classes().length - 1;
        RealMatrix covariance = new Array2DRowRealMatrix(contrasts, contrasts);
        TokenBatch batch = TokenBatch.leftPadded(List.of(prompt.ids()), 0);
        RealMatrix[] rows = new RealMatrix[posterior.size()];
        for (int c = 0; c < contrasts; c++) {
            try (Pass pass = adapted.forward(batch, Mode.TRAINING)) {
                double[] cotangent = new double[TOKENS.length];
                cotangent[prompt.classes()[c]] = 1;
                cotangent[prompt.classes()[contrasts]] = -1;
                for (LoraWeights.Pair pair : adapted.weights().pairs().values()) {
                    Autograd.zeroGradient(pair.a());
                    Autograd.zeroGradient(pair.b());
                }
                pass.backward(
                        Constants.array(pass.manager(), cotangent, new Shape(1, TOKENS.length), DataType.FLOAT64),
                        false);
                int block = 0;
                for (LoraWeights.Pair pair : adapted.weights().pairs().values()) {
                    try (NDArray a = pair.a().getGradient();
                            NDArray b = pair.b().getGradient();
                            NDArray bt = b.transpose()) {
                        rows[block] = put(rows[block], contrasts, c, a.toDoubleArray());
                        block++;
                        rows[block] = put(rows[block], contrasts, c, bt.toDoubleArray());
                        block++;
                    }
                }
            } finally {
                adapted.weights().setTrainable(false);
            }
        }
        for (int block = 0; block < rows.length; block++) {
            if (!carries.test(posterior.get(block).block())) {
                continue;
            }
            covariance = covariance.add(rows[block]
                    .multiply(BlockPosteriors.inversePrecision(posterior.get(block)))
                    .multiply(rows[block].transpose()));
        }
        return covariance;
    }

    private static RealMatrix put(RealMatrix rows, int contrasts, int c, double[] row) {
        RealMatrix matrix = rows == null ? new Array2DRowRealMatrix(contrasts, row.length) : rows;
        matrix.setRow(c, row);
        return matrix;
    }

    private static void write(Path to, int vocabulary) throws IOException {
        Files.writeString(to.resolve("config.json"), """
                {"model_type": "llama", "vocab_size": %d, "hidden_size": %d, "num_hidden_layers": 2,
                 "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": %d,
                 "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
                 "tie_word_embeddings": false}
                """.formatted(vocabulary, WIDTH, FEED_FORWARD));
        Random random = new Random(3);
        SafetensorsWriter writer = new SafetensorsWriter();
        Map<String, int[]> shapes = new java.util.LinkedHashMap<>();
        shapes.put("model.embed_tokens.weight", new int[] {vocabulary, WIDTH});
        shapes.put("lm_head.weight", new int[] {vocabulary, WIDTH});
        for (int layer = 0; layer < 2; layer++) {
            String prefix = "model.layers." + layer + ".";
            shapes.put(prefix + "self_attn.q_proj.weight", new int[] {16, WIDTH});
            shapes.put(prefix + "self_attn.k_proj.weight", new int[] {8, WIDTH});
            shapes.put(prefix + "self_attn.v_proj.weight", new int[] {8, WIDTH});
            shapes.put(prefix + "self_attn.o_proj.weight", new int[] {WIDTH, 16});
            shapes.put(prefix + "mlp.gate_proj.weight", new int[] {FEED_FORWARD, WIDTH});
            shapes.put(prefix + "mlp.up_proj.weight", new int[] {FEED_FORWARD, WIDTH});
            shapes.put(prefix + "mlp.down_proj.weight", new int[] {WIDTH, FEED_FORWARD});
            writer.add(prefix + "input_layernorm.weight", gaussian(random, WIDTH), WIDTH);
            writer.add(prefix + "post_attention_layernorm.weight", gaussian(random, WIDTH), WIDTH);
        }
        shapes.forEach((name, shape) -> writer.add(name, gaussian(random, shape[0] * shape[1]), shape[0], shape[1]));
        writer.add("model.norm.weight", gaussian(random, WIDTH), WIDTH);
        writer.write(to.resolve("model.safetensors"));
    }

    private static float[] gaussian(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (0.5 * random.nextGaussian());
        }
        return values;
    }
}
