package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.norm.Dropout;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraPatterns;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import io.calibrant.trainer.model.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Adapters whose maps differ in rank and scaling, and DoRA, against the naive twin in float64 and against autograd. */
class AdapterKindsTest {
    private static final int[] CLASSES = {5, 31, 2};
    private static final double STEP = 1e-4;
    private static final LoraPatterns PATTERNS = new LoraPatterns(
            Map.of("v_proj", 2, "layers.[02].*up_proj", 5), Map.of("q_proj", 4.0, "lm_head", 1.0, "o_proj", 9.0));

    @TempDir
    Path directory;

    static Stream<Arguments> kinds() {
        return Stream.of(
                Arguments.of("patterns", PATTERNS, false, false),
                Arguments.of("patterns of rsLoRA", PATTERNS, true, false),
                Arguments.of("DoRA", LoraPatterns.NONE, false, true),
                Arguments.of("DoRA with patterns", PATTERNS, false, true));
    }

    private static Adapter adapter(ModelConfig config, LoraPatterns patterns, boolean rootScaling, boolean dora) {
        LoraTargets targets = LoraTargets.parse("q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj,lm_head");
        LoraSettings settings = new LoraSettings(3, 7, 0, rootScaling, targets, patterns);
        Random random = new Random(2);
        List<LoraMatrices> trained = new ArrayList<>();
        for (LoraMatrices m :
                Adapter.initialise(config, settings, CLASSES, 1).matrices().values()) {
            float[] b = m.b();
            for (int i = 0; i < b.length; i++) {
                b[i] = (float) (0.2 * random.nextGaussian());
            }
            float[] magnitude = dora ? new float[m.linear().outputs()] : null;
            for (int i = 0; dora && i < magnitude.length; i++) {
                magnitude[i] = 0.5f + random.nextFloat();
            }
            trained.add(new LoraMatrices(m.linear(), m.rank(), m.a(), b, magnitude));
        }
        return Adapter.of(config, settings, CLASSES, trained);
    }

    private Path model() {
        return new TinyModel()
                .set("attention_bias", true)
                .set("num_hidden_layers", 2)
                .write(directory, 11);
    }

    private static TokenBatch batch() {
        return TokenBatch.leftPadded(NaiveTwinTest.sequences(), 0);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldGiveLogitsAndJacobiansOfTheTwin(String kind, LoraPatterns patterns, boolean rootScaling, boolean dora) {
        Path model = model();
        Adapter adapter = adapter(ModelConfig.read(model), patterns, rootScaling, dora);
        NaiveModel twin = new NaiveModel(model, adapter);
        double[] expected = NaiveTwinTest.sequences().stream()
                .flatMapToDouble(s -> Arrays.stream(twin.logits(s)))
                .toArray();
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = new AdaptedModel(llama, adapter);
                Pass plain = adapted.forward(batch(), Mode.PLAIN);
                StackedPass stacked = adapted.stacked(batch())) {
            assertThat(plain.logits().toDoubleArray()).containsExactly(expected, within(1e-12));
            assertThat(stacked.logits().toDoubleArray()).containsExactly(expected, within(1e-12));
            double[] cotangent = {0.7, -1.1, 0.4, 1.3, 0.2, -0.6, -0.9, 0.8, 0.5};
            Map<String, double[]> gradients = gradients(stacked, adapted, cotangent);
            Random random = new Random(4);
            assertThat(gradients).hasSize(2 * adapter.matrices().size());
            gradients.forEach((block, found) -> {
                double[] weight = twin.lora.get(block);
                assertThat(found).as(block).hasSameSizeAs(weight);
                int i = random.nextInt(weight.length);
                double before = weight[i];
                double[] losses = new double[2];
                for (int side = 0; side < 2; side++) {
                    weight[i] = before + (side == 0 ? -STEP : STEP);
                    losses[side] = loss(twin, cotangent);
                }
                weight[i] = before;
                assertThat(found[i]).as(block).isCloseTo((losses[1] - losses[0]) / (2 * STEP), within(2e-6));
            });
        }
    }

    /** Gradients of the weights, from what the stacked pass says of every map. */
    private static Map<String, double[]> gradients(StackedPass pass, AdaptedModel adapted, double[] cotangent) {
        double scaling = adapted.settings().scaling();
        Map<String, double[]> gradients = new HashMap<>();
        NDArray start = Constants.array(pass.manager(), cotangent, new Shape(1, 3, 3), DataType.FLOAT64);
        pass.backward(start, g -> {
            gradients.put(g.path() + ".lora_A", product(g.projected(), g.input(), scaling));
            gradients.put(g.path() + ".lora_B", product(g.output(), g.lowRank(), scaling));
        });
        return gradients;
    }

    /** s times the sum over tokens of outer products, [G, X]. */
    private static double[] product(NDArray gradients, NDArray inputs, double scaling) {
        NDArray g = gradients.reshape(new Shape(-1, last(gradients)));
        NDArray x = inputs.reshape(new Shape(-1, last(inputs)));
        return Arrays.stream(g.transpose().matMul(x).toDoubleArray())
                .map(value -> scaling * value)
                .toArray();
    }

    private static long last(NDArray array) {
        return array.getShape().get(array.getShape().dimension() - 1);
    }

    private static double loss(NaiveModel twin, double[] cotangent) {
        double sum = 0;
        int at = 0;
        for (long[] sequence : NaiveTwinTest.sequences()) {
            for (double z : twin.logits(sequence)) {
                sum += cotangent[at++] * z;
            }
        }
        return sum;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldGoBackAsAutogradDoes(String kind, LoraPatterns patterns, boolean rootScaling, boolean dora) {
        Path model = model();
        Adapter adapter = adapter(ModelConfig.read(model), patterns, rootScaling, dora);
        double[] cotangent = new Random(7).doubles(9, -1, 1).toArray();
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = new AdaptedModel(llama, adapter);
                Pass probed = adapted.forward(batch(), Mode.PROBED);
                StackedPass stacked = adapted.stacked(batch())) {
            probed.backward(Constants.array(probed.manager(), cotangent, new Shape(3, 3), DataType.FLOAT64), false);
            stacked.backward(Constants.array(stacked.manager(), cotangent, new Shape(1, 3, 3), DataType.FLOAT64), g -> {
                double ratio = probed.scaling(g.path()) / adapted.settings().scaling();
                double[] expected = Arrays.stream(
                                probed.outputGradient(g.path()).toDoubleArray())
                        .map(value -> ratio * value)
                        .toArray();
                assertThat(g.output().toDoubleArray()).as(g.path()).containsExactly(expected, within(1e-12));
                assertThat(g.input().toDoubleArray())
                        .as(g.path())
                        .containsExactly(probed.input(g.path()).toDoubleArray(), within(1e-12));
                assertThat(g.lowRank().toDoubleArray())
                        .as(g.path())
                        .containsExactly(probed.lowRank(g.path()).toDoubleArray(), within(1e-12));
            });
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldTrainEveryParameter(String kind, LoraPatterns patterns, boolean rootScaling, boolean dora) {
        Path model = model();
        Adapter adapter = adapter(ModelConfig.read(model), patterns, rootScaling, dora);
        NaiveModel twin = new NaiveModel(model, adapter);
        double[] cotangent = new Random(7).doubles(9, -1, 1).toArray();
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = new AdaptedModel(llama, adapter);
                Pass pass = adapted.forward(batch(), Mode.TRAINING);
                StackedPass stacked = adapted.stacked(batch())) {
            pass.backward(Constants.array(pass.manager(), cotangent, new Shape(3, 3), DataType.FLOAT64), false);
            Map<String, double[]> gradients = gradients(stacked, adapted, cotangent);
            Random random = new Random(5);
            adapted.weights().pairs().forEach((path, pair) -> {
                assertThat(pair.a().getGradient().toDoubleArray())
                        .as(path)
                        .containsExactly(gradients.get(path + ".lora_A"), within(1e-12));
                assertThat(pair.b().getGradient().toDoubleArray())
                        .as(path)
                        .containsExactly(gradients.get(path + ".lora_B"), within(1e-12));
                if (dora) {
                    float[] magnitude = adapter.matrices().get(path).magnitude().orElseThrow();
                    int o = random.nextInt(magnitude.length);
                    assertThat(pair.magnitude().getGradient().toDoubleArray()[o])
                            .as(path)
                            .isCloseTo(derivative(twin, path, o, magnitude[o], cotangent), within(2e-6));
                }
            });
        }
    }

    /** dL/dm of one row by finite differences: the norm of the row is a constant. */
    private static double derivative(NaiveModel twin, String path, int row, double magnitude, double[] cotangent) {
        double[] scales = twin.rowScales.get(path);
        double before = scales[row];
        double[] losses = new double[2];
        for (int side = 0; side < 2; side++) {
            scales[row] = before * (magnitude + (side == 0 ? -STEP : STEP)) / magnitude;
            losses[side] = loss(twin, cotangent);
        }
        scales[row] = before;
        return (losses[1] - losses[0]) / (2 * STEP);
    }

    @Test
    void shouldComputeTheScalesOfADoraAnewWhenItsWeightsHaveChanged() {
        Path model = model();
        Adapter adapter = adapter(ModelConfig.read(model), LoraPatterns.NONE, false, true);
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get());
                AdaptedModel changing = new AdaptedModel(llama, adapter)) {
            float[] before = logits(changing);
            changing.weights().parameters().forEach(parameter -> parameter.addi(0.25f));
            changing.weightsChanged();
            float[] after = logits(changing);
            assertThat(after).isNotEqualTo(before);
            try (AdaptedModel fresh = new AdaptedModel(llama, changing.weights().snapshot())) {
                assertThat(logits(fresh)).isEqualTo(after);
            }
        }
    }

    private static float[] logits(AdaptedModel model) {
        try (Pass pass = model.forward(batch(), Mode.PLAIN)) {
            return pass.logits().toFloatArray();
        }
    }

    /** DoraLinearVariant of PEFT: what dropout takes from LoRA, it takes from what DoRA changes of W0 x, too. */
    @Test
    void shouldDropOfADoraWhatPeftDrops() {
        Path model = model();
        LinearShape linear = new LinearShape("model.layers.0.self_attn.q_proj", 20, 24);
        LoraSettings settings = new LoraSettings(2, 4, 0.4, false, LoraTargets.of(linear.path()));
        Random random = new Random(3);
        LoraMatrices q = new LoraMatrices(linear, 2, floats(random, 40), floats(random, 48), floats(random, 24));
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get());
                NDManager manager = llama.newManager();
                LoraWeights weights = new LoraWeights(
                        Adapter.of(llama.config(), settings, CLASSES, List.of(q)), manager, DataType.FLOAT32)) {
            NDArray x = Constants.array(manager, floats(random, 100), new Shape(5, 20), DataType.FLOAT32);
            NDArray w = Constants.array(manager, floats(random, 480), new Shape(24, 20), DataType.FLOAT32);
            NDArray bias = Constants.array(manager, floats(random, 24), new Shape(24), DataType.FLOAT32);
            LoraWeights.Pair pair = weights.pairs().get(linear.path());
            manager.getEngine().setRandomSeed(9);
            NDArray seen = Dropout.dropout(x, 0.4f, true).singletonOrThrow();
            NDArray ba = pair.b().matMul(pair.a()).mul(pair.scaling());
            NDArray adapted = w.add(ba);
            NDArray f =
                    pair.magnitude().div(adapted.mul(adapted).sum(new int[] {1}).sqrt());
            NDArray frozen = x.matMul(w.transpose()).add(bias);
            NDArray expected = frozen.add(seen.matMul(w.transpose()).mul(f.sub(1)))
                    .add(seen.matMul(ba.transpose()).mul(f));
            assertThat(seen.toFloatArray()).as("something is dropped").isNotEqualTo(x.toFloatArray());

            LoraHook hook = new LoraHook(weights, settings, new RowScales(), Mode.TRAINING, false, manager);
            manager.getEngine().setRandomSeed(9);
            NDArray found = hook.apply(linear.path(), x, w, bias);

            assertThat(found.toFloatArray()).containsExactly(expected.toFloatArray(), within(1e-4f));
        }
    }

    private static float[] floats(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
