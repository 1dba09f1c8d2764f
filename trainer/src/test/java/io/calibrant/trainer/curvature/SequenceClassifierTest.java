package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.capture.StackedPass;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.BaseWeights;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A sequence classifier's adapter as PEFT wrote it: logits and Kronecker sums, in float32, against float64's. */
class SequenceClassifierTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo", "seqcls");
    private static final Path MODEL = ZOO.resolve("model");
    private static final Path ADAPTER = ZOO.resolve("adapter");
    private static final List<String> LABELS = List.of("colour", "food", "number");
    private static final int[] CLASSES = {0, 1, 2};
    private static final double TOLERANCE = 1e-4;

    private static JsonNode reference;

    @BeforeAll
    static void open() throws IOException {
        assumeTrue(Files.isDirectory(ZOO), ZOO + " is not here: reference values not compared");
        reference = new JsonMapper().readTree(ZOO.resolve("ref.json").toFile());
    }

    private static List<long[]> ids(String key) {
        List<long[]> all = new ArrayList<>();
        reference.path(key).forEach(ids -> all.add(ids(ids)));
        return all;
    }

    private static long[] ids(JsonNode ids) {
        return StreamSupport.stream(ids.spliterator(), false)
                .mapToLong(JsonNode::asLong)
                .toArray();
    }

    private static AdaptedModel adapted(LanguageModel model, boolean headBlock) {
        SequenceClassifier classifier = SequenceClassifier.read(ADAPTER, MODEL, model.config(), List.of())
                .orElseThrow();
        assertThat(classifier.labels()).isEqualTo(LABELS);
        ClassifierHead head = headBlock ? classifier.head().asBlock() : classifier.head();
        return new AdaptedModel(
                model, Peft.read(ADAPTER, model.config(), classifier.rows()).withClassifier(head));
    }

    @ParameterizedTest
    @ValueSource(strings = {"zoo/seqcls/model", "golden/model"})
    void shouldGiveTheLogitsOfPeftOnEitherBase(String base) {
        Path directory = Path.of("..", "..", "shared").resolve(base);
        assumeTrue(Files.isDirectory(directory), directory + " is not here");
        BaseWeights.requireUnchanged(ADAPTER, Peft.saved(ADAPTER), directory);
        try (LanguageModel model = LanguageModel.load(directory, TestDevice.get());
                AdaptedModel adapted = adapted(model, false);
                SafetensorsReader stored = SafetensorsReader.open(ZOO.resolve("ref.safetensors"));
                Pass pass = adapted.forward(TokenBatch.leftPadded(ids("prompt_ids"), 2), Mode.PLAIN)) {
            assertNear(pass.logits(), stored.doubles("test.logits"));
        }
    }

    @Test
    void shouldTakeTheLogitsAtTheLastTokenThatIsNoPadding() {
        try (LanguageModel model = LanguageModel.load(MODEL, TestDevice.get());
                AdaptedModel adapted = adapted(model, false)) {
            for (JsonNode edge : reference.path("edge")) {
                long[] ids = Arrays.copyOf(
                        ids(edge.path("ids")), edge.path("used_token").asInt() + 1);
                try (Pass pass = adapted.forward(TokenBatch.leftPadded(List.of(ids), 2), Mode.PLAIN)) {
                    assertNear(
                            pass.logits(),
                            StreamSupport.stream(edge.path("logits").spliterator(), false)
                                    .mapToDouble(JsonNode::asDouble)
                                    .toArray());
                }
            }
        }
    }

    @Test
    void shouldSumUpToTheStoredFactorsOfLoraAndHead() throws IOException {
        Sums sums = new Sums();
        Sums without = new Sums();
        List<EncodedPrompt> prompts = training();
        KfacEstimator estimator = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EXACT, null, "topics", 0);
        try (LanguageModel model = LanguageModel.load(MODEL, TestDevice.get());
                AdaptedModel withHead = adapted(model, true);
                AdaptedModel lora = adapted(model, false);
                SafetensorsReader stored = SafetensorsReader.open(ZOO.resolve("ref.safetensors"))) {
            for (int start = 0; start < prompts.size(); start += 16) {
                List<EncodedPrompt> batch = prompts.subList(start, Math.min(start + 16, prompts.size()));
                sums.add(estimator.measure(withHead, batch, 2, start / 16));
                without.add(estimator.measure(lora, batch, 2, start / 16));
            }
            assertThat(sums.logLikelihood)
                    .isCloseTo(reference.path("log_likelihood_train").asDouble(), within(TOLERANCE));
            assertThat(without.blocks.keySet()).hasSize(12).doesNotContain("score");
            assertThat(sums.blocks.keySet()).hasSize(13).contains("score");
            double worst = 0;
            for (String block : sums.blocks.keySet()) {
                Sums.Block of = sums.blocks.get(block);
                boolean input = !block.endsWith("lora_B");
                assertThat(of.n).isEqualTo(reference.path("n").path(block).asDouble());
                worst = Math.max(worst, check(block + " A", input ? of.large : of.small, stored.doubles("A." + block)));
                worst = Math.max(worst, check(block + " S", input ? of.small : of.large, stored.doubles("S." + block)));
                if (!block.equals("score")) {
                    check(block + " A", without.inputs(block), stored.doubles("A." + block));
                }
            }
            System.out.printf("sequence classifier: factors off by %.1e%n", worst);
        }
    }

    @Test
    void shouldGoBackAsAutogradDoes() {
        TokenBatch batch = TokenBatch.leftPadded(ids("prompt_ids").subList(0, 3), 2);
        double[] cotangent = {1, -0.5, -0.5, 0.25, 0.75, -1, -2, 1, 1};
        Map<String, double[]> found = new TreeMap<>();
        Map<String, double[]> expected = new TreeMap<>();
        try (LanguageModel model = LanguageModel.load(MODEL, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = adapted(model, true);
                StackedPass stacked = adapted.stacked(batch);
                Pass pass = adapted.forward(batch, Mode.PROBED)) {
            stacked.backward(
                    Constants.array(stacked.manager(), cotangent, new Shape(1, 3, 3), DataType.FLOAT64),
                    gradient -> found.put(gradient.path(), gradient.output().toDoubleArray()));
            pass.backward(Constants.array(pass.manager(), cotangent, new Shape(3, 3), DataType.FLOAT64), false);
            pass.linears()
                    .forEach(
                            path -> expected.put(path, pass.outputGradient(path).toDoubleArray()));
        }
        assertThat(Arrays.stream(found.remove("score")).map(g -> g * 8 / 4)) // times s, as all the others
                .containsExactly(Arrays.stream(cotangent).boxed().toArray(Double[]::new));
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach(
                (path, gradient) -> assertThat(found.get(path)).as(path).containsExactly(gradient, within(1e-10)));
    }

    @Test
    void shouldNeitherCapNorScaleTheLogitsOfAModelThatCapsThem() {
        Path directory = ZOO.resolveSibling("gemma2");
        assumeTrue(Files.isDirectory(directory), directory + " is not here");
        TokenBatch batch = TokenBatch.leftPadded(List.of(new long[] {2, 3, 4, 5}), 0);
        try (LanguageModel model = LanguageModel.load(directory, TestDevice.get())) {
            Adapter adapter = Peft.read(directory.resolve("adapter"), model.config(), CLASSES);
            float[] weight = new float[3 * model.config().width()];
            float[] twice = new float[weight.length];
            for (int i = 0; i < weight.length; i++) {
                weight[i] = (i % 7 - 3) * 8f;
                twice[i] = 2 * weight[i];
            }
            try (AdaptedModel one =
                            new AdaptedModel(model, adapter.withClassifier(new ClassifierHead(weight, 3, false)));
                    AdaptedModel two =
                            new AdaptedModel(model, adapter.withClassifier(new ClassifierHead(twice, 3, false)));
                    Pass plain = one.forward(batch, Mode.PLAIN);
                    StackedPass stacked = two.stacked(batch)) {
                float[] z = plain.logits().toFloatArray();
                float[] doubled = stacked.logits().toFloatArray();
                for (int c = 0; c < z.length; c++) {
                    assertThat(doubled[c]).isCloseTo(2 * z[c], within(1e-3f * Math.abs(z[c])));
                    assertThat(Math.abs(z[c])).as("more than the cap").isGreaterThan(30);
                }
            }
        }
    }

    @Test
    void shouldWriteTheAdapterBackWithItsHead(@TempDir Path directory) {
        try (LanguageModel model = LanguageModel.load(MODEL, TestDevice.get())) {
            SequenceClassifier read = SequenceClassifier.read(ADAPTER, MODEL, model.config(), LABELS)
                    .orElseThrow();
            Adapter adapter = Peft.read(ADAPTER, model.config(), read.rows()).withClassifier(read.head());
            Peft.write(directory, adapter, model.config(), MODEL.toString());

            assertThat(Peft.isClassifier(directory)).isTrue();
            SequenceClassifier again = SequenceClassifier.read(directory, MODEL, model.config(), List.of())
                    .orElseThrow();
            assertThat(again.head().weight()).isEqualTo(read.head().weight());
            assertThat(Peft.read(directory, model.config(), CLASSES).settings()).isEqualTo(adapter.settings());
        }
    }

    private static List<EncodedPrompt> training() {
        List<Question> questions = QuestionFile.read(ZOO.resolve("train.jsonl"));
        List<long[]> ids = ids("train_ids");
        List<EncodedPrompt> prompts = new ArrayList<>();
        for (int i = 0; i < ids.size(); i++) {
            prompts.add(new EncodedPrompt(questions.get(i).orChoicesOf(LABELS), ids.get(i), CLASSES));
        }
        return prompts;
    }

    private static double check(String what, double[] actual, double[] expected) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        double distance = Sums.distance(actual, expected);
        assertThat(distance).as(what).isLessThan(TOLERANCE);
        return distance;
    }

    private static void assertNear(NDArray found, double[] expected) {
        float[] narrow = found.toFloatArray();
        double[] values = new double[narrow.length];
        Arrays.setAll(values, i -> narrow[i]);
        assertThat(values).containsExactly(expected, within(TOLERANCE));
    }
}
