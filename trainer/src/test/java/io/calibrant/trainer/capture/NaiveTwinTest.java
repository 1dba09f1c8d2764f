package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import io.calibrant.trainer.model.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every variant of the architecture, and every map that can be adapted, against the naive twin in float64. */
class NaiveTwinTest {

    private static final String ALL = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj,lm_head";
    private static final String FUSED = "qkv_proj,o_proj,gate_up_proj,down_proj,lm_head";
    private static final int[] CLASSES = {5, 31, 2};
    private static final double STEP = 1e-3;

    @TempDir
    Path directory;

    static Stream<Arguments> variants() {
        return Stream.of(ofLlama(), otherArchitectures(), rotaryScalings()).flatMap(all -> all);
    }

    private static Stream<Arguments> ofLlama() {
        Map<String, Object> llama3 = Map.of(
                "rope_type", "llama3",
                "factor", 8.0,
                "low_freq_factor", 1.0,
                "high_freq_factor", 4.0,
                "original_max_position_embeddings", 16);
        return Stream.of(
                Arguments.of("grouped queries, untied", new TinyModel(), ALL),
                Arguments.of(
                        "one key/value head, tied",
                        new TinyModel().set("num_key_value_heads", 1).set("tie_word_embeddings", true),
                        ALL),
                Arguments.of(
                        "no grouping, head width D / H",
                        new TinyModel()
                                .set("num_key_value_heads", 4)
                                .set("hidden_size", 24)
                                .set("head_dim", null),
                        ALL),
                Arguments.of(
                        "llama3 rope, one layer",
                        new TinyModel()
                                .set("rope_scaling", llama3)
                                .set("rope_theta", 500.0)
                                .set("num_hidden_layers", 1),
                        ALL),
                Arguments.of(
                        "theta under rope_parameters",
                        new TinyModel()
                                .set("rope_theta", null)
                                .set("rope_parameters", Map.of("rope_theta", 77.0, "rope_type", "default")),
                        ALL),
                Arguments.of(
                        "qwen2",
                        new TinyModel()
                                .set("model_type", "qwen2")
                                .set("tie_word_embeddings", true)
                                .set("sliding_window", 4),
                        ALL),
                Arguments.of("qwen3", new TinyModel().set("model_type", "qwen3"), ALL),
                Arguments.of(
                        "qwen3, biases, tied, one key/value head",
                        new TinyModel()
                                .set("model_type", "qwen3")
                                .set("num_key_value_heads", 1)
                                .set("attention_bias", true)
                                .set("tie_word_embeddings", true),
                        ALL),
                Arguments.of(
                        "qwen3, the top layer's k alone",
                        new TinyModel().set("model_type", "qwen3"),
                        "model.layers.2.self_attn.k_proj"),
                Arguments.of(
                        "mistral", new TinyModel().set("model_type", "mistral").set("sliding_window", 64), ALL),
                Arguments.of(
                        "all biases",
                        new TinyModel().set("attention_bias", true).set("mlp_bias", true),
                        ALL),
                Arguments.of("the usual targets", new TinyModel(), "q_proj,v_proj,lm_head"),
                Arguments.of("the top layer's o alone", new TinyModel(), "model.layers.2.self_attn.o_proj"),
                Arguments.of("the top layer's down alone", new TinyModel(), "layers.2.mlp.down_proj"),
                Arguments.of("a middle layer's up alone", new TinyModel(), "layers.1.mlp.up_proj"),
                Arguments.of("the head alone", new TinyModel(), "lm_head"),
                Arguments.of("all but the head", new TinyModel(), "all-linear"));
    }

    /** Architectures that differ from Llama in more than a detail, with sizes at which every difference bites. */
    static Stream<Arguments> otherArchitectures() {
        TinyModel phi = new TinyModel()
                .set("model_type", "phi3")
                .set("partial_rotary_factor", 0.7)
                .set("sliding_window", 4);
        return Stream.of(
                Arguments.of("gelu", new TinyModel().set("hidden_act", "gelu"), ALL),
                Arguments.of(
                        "mistral, window",
                        new TinyModel().set("model_type", "mistral").set("sliding_window", 3),
                        ALL),
                Arguments.of(
                        "qwen2, window in upper layers",
                        new TinyModel()
                                .set("model_type", "qwen2")
                                .set("use_sliding_window", true)
                                .set("max_window_layers", 1)
                                .set("sliding_window", 2),
                        ALL),
                Arguments.of("gemma", gemma("gemma").set("tie_word_embeddings", true), ALL),
                Arguments.of(
                        "gemma2",
                        gemma("gemma2").set("attn_logit_softcapping", 1.5).set("final_logit_softcapping", 2.0),
                        ALL),
                Arguments.of(
                        "gemma2, the top layer's v alone",
                        gemma("gemma2").set("attn_logit_softcapping", 1.5),
                        "model.layers.2.self_attn.v_proj"),
                Arguments.of(
                        "gemma3, frequencies of their own in layers with a window",
                        gemma("gemma3_text").set("sliding_window_pattern", 2).set("rope_local_base_freq", 50.0),
                        ALL),
                Arguments.of("phi3, a window, parts of heads turned", phi, FUSED),
                Arguments.of("phi3, the top layer's qkv alone", phi, "model.layers.2.self_attn.qkv_proj"),
                Arguments.of("phi3, a middle layer's gate_up alone", phi, "model.layers.1.mlp.gate_up_proj"),
                Arguments.of(
                        "smollm3",
                        new TinyModel().set("model_type", "smollm3").set("no_rope_layers", List.of(1, 0, 1)),
                        ALL),
                Arguments.of("olmo2", new TinyModel().set("model_type", "olmo2").set("attention_bias", true), ALL),
                Arguments.of("olmo2, the usual targets", new TinyModel().set("model_type", "olmo2"), "q_proj,v_proj"),
                Arguments.of(
                        "olmo2, the lowest layer's k",
                        new TinyModel().set("model_type", "olmo2"),
                        "layers.0.self_attn.k_proj"),
                Arguments.of(
                        "granite",
                        new TinyModel()
                                .set("model_type", "granite")
                                .set("embedding_multiplier", 1.7)
                                .set("residual_multiplier", 0.6)
                                .set("attention_multiplier", 0.3)
                                .set("logits_scaling", 1.4)
                                .set("mlp_bias", true),
                        ALL),
                Arguments.of(
                        "ministral3, queries that grow",
                        new TinyModel()
                                .set("model_type", "ministral3")
                                .set(
                                        "rope_parameters",
                                        Map.of(
                                                "rope_type", "yarn",
                                                "rope_theta", 100.0,
                                                "factor", 4.0,
                                                "original_max_position_embeddings", 2,
                                                "llama_4_scaling_beta", 0.4,
                                                "beta_fast", 0.5,
                                                "beta_slow", 0.01)),
                        ALL),
                Arguments.of(
                        "seed_oss",
                        new TinyModel().set("model_type", "seed_oss").set("attention_out_bias", true),
                        ALL));
    }

    /** Ways of stretching rotary frequencies, at lengths on both sides of where they begin. */
    static Stream<Arguments> rotaryScalings() {
        return Stream.of(
                Arguments.of("linear", scaled(Map.of("rope_type", "linear", "factor", 3.0)), ALL),
                Arguments.of(
                        "dynamic",
                        scaled(Map.of("rope_type", "dynamic", "factor", 4.0)).set("max_position_embeddings", 4),
                        ALL),
                Arguments.of(
                        "yarn",
                        scaled(Map.of(
                                "rope_type", "yarn",
                                "factor", 4.0,
                                "original_max_position_embeddings", 16,
                                "beta_fast", 2.0,
                                "beta_slow", 0.1)),
                        ALL),
                Arguments.of(
                        "longrope",
                        scaled(Map.of(
                                "rope_type",
                                "longrope",
                                "factor",
                                4.0,
                                "original_max_position_embeddings",
                                4,
                                "short_factor",
                                List.of(1.0, 1.5, 2.0),
                                "long_factor",
                                List.of(2.0, 3.0, 4.0))),
                        ALL));
    }

    private static TinyModel scaled(Map<String, Object> scaling) {
        return new TinyModel()
                .set("rope_theta", 500.0)
                .set("rope_scaling", scaling)
                .set("num_hidden_layers", 2);
    }

    private static TinyModel gemma(String type) {
        return new TinyModel()
                .set("model_type", type)
                .set("hidden_activation", "gelu_pytorch_tanh")
                .set("query_pre_attn_scalar", 5)
                .set("sliding_window", 3);
    }

    static Adapter adapter(ModelConfig config, String targets) {
        LoraSettings settings = new LoraSettings(3, 7, 0, false, LoraTargets.parse(targets));
        Adapter untrained = Adapter.initialise(config, settings, CLASSES, 1);
        Random random = new Random(2);
        List<LoraMatrices> trained = new ArrayList<>();
        for (LoraMatrices m : untrained.matrices().values()) {
            float[] b = m.b();
            for (int i = 0; i < b.length; i++) {
                b[i] = (float) (0.2 * random.nextGaussian());
            }
            trained.add(new LoraMatrices(m.linear(), 3, m.a(), b));
        }
        return Adapter.of(config, settings, CLASSES, trained);
    }

    static List<long[]> sequences() {
        return List.of(new long[] {3, 1, 4, 1, 5, 9, 2}, new long[] {6, 5, 35}, new long[] {8, 9, 7, 9, 3});
    }

    static TokenBatch rightPadded() {
        List<long[]> sequences = sequences();
        int longest = sequences.get(0).length;
        boolean[][] real = new boolean[sequences.size()][longest];
        long[][] ids = new long[sequences.size()][];
        for (int b = 0; b < ids.length; b++) {
            Arrays.fill(real[b], 0, sequences.get(b).length, true);
            ids[b] = Arrays.copyOf(sequences.get(b), longest);
        }
        return TokenBatch.of(ids, real);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("variants")
    void shouldGiveTheLogitsOfTheTwin(String name, TinyModel tiny, String targets) {
        Path model = tiny.write(directory, 11);
        Adapter adapter = adapter(ModelConfig.read(model), targets);
        NaiveModel twin = new NaiveModel(model, adapter);
        double[] expected = sequences().stream()
                .flatMapToDouble(s -> Arrays.stream(twin.logits(s)))
                .toArray();
        assertThat(logits(model, adapter, DataType.FLOAT64)).containsExactly(expected, within(1e-12));
        assertThat(logits(model, adapter, DataType.FLOAT32)).containsExactly(expected, within(1e-5));
    }

    /** transformers rounds sqrt(D) to the type of a Gemma's weights, and no factor of a Granite. */
    @ParameterizedTest
    @CsvSource({
        "gemma, BF16, 4.46875",
        "gemma2, BF16, 4.46875",
        "gemma3_text, F16, 4.47265625",
        "gemma, F32, 4.47213595499958",
        "granite, BF16, 1.7"
    })
    void shouldScaleTheEmbeddingsOfAGemmaInTheTypeOfItsWeights(String family, BaseType type, double scale) {
        TinyModel tiny = family.equals("granite")
                ? new TinyModel().set("model_type", family).set("embedding_multiplier", 1.7)
                : gemma(family);
        Path model = TinyModel.rounded(tiny.write(directory.resolve("plain"), 11), directory.resolve("rounded"), type);
        Adapter adapter = adapter(ModelConfig.read(model), ALL);
        NaiveModel twin = new NaiveModel(model, adapter);
        twin.embeddingScale = scale;
        double[] expected = sequences().stream()
                .flatMapToDouble(s -> Arrays.stream(twin.logits(s)))
                .toArray();
        try (LanguageModel loaded =
                        LanguageModel.load(model, TestDevice.get(), new BaseFormat(type, BaseQuantization.NONE));
                AdaptedModel adapted = new AdaptedModel(loaded, adapter);
                Pass pass = adapted.forward(TokenBatch.leftPadded(sequences(), 0), Mode.PLAIN)) {
            assertThat(doubles(pass.logits()))
                    .containsExactly(expected, within(TestDevice.get().isGpu() ? 0.1 : 1e-5));
        }
    }

    private static double[] logits(Path model, Adapter adapter, DataType dataType) {
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), dataType);
                AdaptedModel adapted = new AdaptedModel(llama, adapter);
                Pass plain = adapted.forward(TokenBatch.leftPadded(sequences(), 0), Mode.PLAIN);
                Pass probed = adapted.forward(TokenBatch.leftPadded(sequences(), 0), Mode.PROBED);
                Pass padded = adapted.forward(rightPadded(), Mode.PLAIN)) {
            double[] z = doubles(plain.logits());
            assertThat(doubles(padded.logits())).as("padding on the other side").containsExactly(z, within(1e-5));
            assertThat(doubles(probed.logits())).containsExactly(z, within(1e-6));
            return z;
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("variants")
    void shouldCaptureInputsAndGradientsOfTheTwin(String name, TinyModel tiny, String targets) {
        Path model = tiny.write(directory, 12);
        Adapter adapter = adapter(ModelConfig.read(model), targets);
        NaiveModel twin = new NaiveModel(model, adapter);
        double[] cotangent = {0.7, -1.1, 0.4, 1.3, 0.2, -0.6, -0.9, 0.8, 0.5};
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = new AdaptedModel(llama, adapter);
                Pass pass = adapted.forward(TokenBatch.leftPadded(sequences(), 0), Mode.TRAINING_PROBED)) {
            pass.backward(Constants.array(pass.manager(), cotangent, new Shape(3, 3), DataType.FLOAT64), false);
            Random random = new Random(3);
            assertThat(pass.linears()).isEqualTo(adapter.matrices().keySet());
            for (String path : pass.linears()) {
                LoraWeights.Pair pair = adapted.weights().pairs().get(path);
                checkWeights(twin, path + ".lora_A", doubles(pair.a().getGradient()), cotangent, random);
                checkWeights(twin, path + ".lora_B", doubles(pair.b().getGradient()), cotangent, random);
                for (int b = 0; b < 3; b++) {
                    checkTokens(twin, pass, path, b, Arrays.copyOfRange(cotangent, 3 * b, 3 * b + 3), random);
                }
            }
        }
    }

    /** A few random entries of a weight's gradient. */
    private static void checkWeights(NaiveModel twin, String block, double[] found, double[] cotangent, Random random) {
        double[] weight = twin.lora.get(block);
        assertThat(found).as(block).hasSameSizeAs(weight);
        for (int trial = 0; trial < 2; trial++) {
            int i = random.nextInt(weight.length);
            double before = weight[i];
            double expected = derivative(h -> {
                weight[i] = before + h;
                return loss(twin, cotangent);
            });
            weight[i] = before;
            assertThat(found[i]).as(block).isCloseTo(expected, within(1e-7));
        }
    }

    /** The derivative at 0 by central differences of sixth order, exact to about 1e-12 here. */
    private static double derivative(DoubleUnaryOperator f) {
        double[] d = new double[4];
        for (int k = 1; k <= 3; k++) {
            d[k] = f.applyAsDouble(k * STEP) - f.applyAsDouble(-k * STEP);
        }
        return (45 * d[1] - 9 * d[2] + d[3]) / (60 * STEP);
    }

    private static double loss(NaiveModel twin, double[] cotangent) {
        double sum = 0;
        int at = 0;
        for (long[] sequence : sequences()) {
            for (double z : twin.logits(sequence)) {
                sum += cotangent[at++] * z;
            }
        }
        return sum;
    }

    /** All inputs of one sequence, its padding gradients, and random entries of its output gradient. */
    private static void checkTokens(NaiveModel twin, Pass pass, String path, int b, double[] cotangent, Random random) {
        long[] ids = sequences().get(b);
        twin.logits(ids);
        double[][] x = twin.inputs.get(path);
        int rows = (int) pass.input(path).getShape().get(1);
        int pad = rows - x.length;
        double[] seen = doubles(pass.input(path).get(b));
        double[] low = doubles(pass.lowRank(path).get(b));
        double[] gradient = doubles(pass.outputGradient(path).get(b));
        int in = x[0].length;
        int out = gradient.length / rows;
        StackedPassTest.assertNear("padding of " + path, Arrays.copyOf(gradient, pad * out), new double[pad * out], 0);
        double[] a = twin.lora.get(path + ".lora_A");
        for (int t = 0; t < x.length; t++) {
            StackedPassTest.assertNear(path, Arrays.copyOfRange(seen, (pad + t) * in, (pad + t + 1) * in), x[t], 1e-12);
            double first = 0;
            for (int i = 0; i < in; i++) {
                first += a[i] * x[t][i];
            }
            assertThat(low[(pad + t) * 3]).as(path).isCloseTo(first, within(1e-12));
        }
        double[][] shift = new double[x.length][out];
        twin.shift.put(path, shift);
        for (int trial = 0; trial < 2; trial++) {
            int t = random.nextInt(x.length);
            int o = random.nextInt(out);
            double expected = derivative(h -> {
                shift[t][o] = h;
                return dot(twin.logits(ids), cotangent);
            });
            shift[t][o] = 0;
            assertThat(gradient[(pad + t) * out + o]).as(path).isCloseTo(expected, within(1e-7));
        }
        twin.shift.remove(path);
    }

    private static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }

    private static double[] doubles(NDArray array) {
        if (array.getDataType() == DataType.FLOAT64) {
            return array.toDoubleArray();
        }
        float[] narrow = array.toFloatArray();
        double[] wide = new double[narrow.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = narrow[i];
        }
        return wide;
    }
}
