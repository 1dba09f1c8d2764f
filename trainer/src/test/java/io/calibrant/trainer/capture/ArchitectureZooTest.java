package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tiny models of each architecture that lie beside the project, against what transformers and peft compute of them: the
 * logits of the whole vocabulary after four questions of unequal length, with and without an adapter, and the hidden
 * states of every token.
 */
class ArchitectureZooTest {
    private static final Path ZOO = Path.of("../../shared/zoo");
    private static final JsonMapper JSON = new JsonMapper();

    static Stream<String> names() {
        return Stream.of(
                "qwen3",
                "llama31",
                "gemma",
                "gemma2",
                "gemma3_text",
                "phi3",
                "smollm3",
                "olmo2",
                "granite",
                "ministral3",
                "seed_oss",
                "llama_linear",
                "llama_dynamic",
                "llama_yarn",
                "llama_longrope",
                "llama_gelu",
                "w_tied_otherhead",
                "mistral_window_bites",
                "qwen2_swa");
    }

    private static Path directory(String name) {
        Path directory = ZOO.resolve(name);
        assumeTrue(Files.isDirectory(directory), "reference models are not beside this checkout: " + directory);
        return directory;
    }

    private static JsonNode reference(Path directory) throws IOException {
        return JSON.readTree(directory.resolve("ref.json").toFile());
    }

    /** Four questions; the third is shorter than the others, so that there is padding. */
    private static List<long[]> prompts(Path directory) throws IOException {
        List<long[]> prompts = new ArrayList<>();
        reference(directory)
                .path("prompt_ids")
                .forEach(ids -> prompts.add(StreamSupport.stream(ids.spliterator(), false)
                        .mapToLong(JsonNode::asLong)
                        .toArray()));
        return prompts;
    }

    private static double[] lastLogits(Path directory) throws IOException {
        return StreamSupport.stream(reference(directory).path("last_logits").spliterator(), false)
                .flatMapToDouble(
                        row -> StreamSupport.stream(row.spliterator(), false).mapToDouble(JsonNode::asDouble))
                .toArray();
    }

    @ParameterizedTest
    @MethodSource("names")
    void shouldGiveTheLogitsOfTransformers(String name) throws IOException {
        Path directory = directory(name);
        try (LanguageModel model = LanguageModel.load(directory, TestDevice.get());
                var pass = model.newManager()) {
            int[] all = IntStream.range(0, model.config().vocabularySize()).toArray();
            NDArray logits = model.logits(
                    TokenBatch.leftPadded(prompts(directory), 0), model.classRows(pass, all), LinearHook.FROZEN, pass);
            assertNear(name, logits, lastLogits(directory));
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void shouldReadTheSpellingOfTransformers4(String name, @TempDir Path other) throws IOException {
        Path directory = directory(name);
        Path older = directory.resolve("config.transformers4.json");
        assumeTrue(Files.exists(older), "transformers 4 does not have " + name);
        Files.copy(older, other.resolve("config.json"));
        ModelConfig expected = ModelConfig.read(directory);
        ModelConfig found = ModelConfig.read(other);
        assertThat(found.architecture()).isEqualTo(expected.architecture());
        assertThat(found.sizes()).isEqualTo(expected.sizes());
        assertThat(found.attention()).isEqualTo(expected.attention());
        assertThat(found.normEpsilon()).isEqualTo(expected.normEpsilon());
        assertThat(found.maxPositions()).isEqualTo(expected.maxPositions());
    }

    @ParameterizedTest
    @MethodSource("names")
    void shouldGiveTheHiddenStatesOfTransformers(String name) throws IOException {
        Path directory = directory(name);
        try (LanguageModel model = LanguageModel.load(directory, TestDevice.get());
                SafetensorsReader states = SafetensorsReader.open(directory.resolve("hidden_states.safetensors"));
                var pass = model.newManager()) {
            String last = ".h" + model.config().layers();
            List<long[]> prompts = prompts(directory);
            for (int q = 0; q < 2; q++) {
                InputOfTheHead head = new InputOfTheHead();
                model.fullLogits(TokenBatch.leftPadded(prompts.subList(q, q + 1), 0), head, pass);
                assertNear(name, head.hidden, states.doubles("q" + q + last));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void shouldGiveTheLogitsOfPeft(String name) throws IOException {
        Path directory = directory(name);
        try (LanguageModel model = LanguageModel.load(directory, TestDevice.get())) {
            int[] all = IntStream.range(0, model.config().vocabularySize()).toArray();
            Adapter adapter = Peft.read(directory.resolve("adapter"), model.config(), all);
            TokenBatch batch = TokenBatch.leftPadded(prompts(directory), 0);
            double[] expected = lastLogits(directory.resolve("adapter"));
            try (AdaptedModel adapted = new AdaptedModel(model, adapter);
                    Pass plain = adapted.forward(batch, Mode.PLAIN);
                    StackedPass stacked = adapted.stacked(batch)) {
                assertNear(name, plain.logits(), expected);
                assertNear(name, stacked.logits(), expected);
            }
            double[] without = lastLogits(directory);
            assertThat(IntStream.range(0, expected.length)
                            .mapToDouble(i -> Math.abs(expected[i] - without[i]))
                            .max()
                            .orElseThrow())
                    .as("the adapter changes nothing")
                    .isGreaterThan(0.1);
        }
    }

    /** Keeps the hidden states after the final norm, which the head takes. */
    private static final class InputOfTheHead implements LinearHook {
        private NDArray hidden;

        @Override
        public boolean needsAllTokens(String path) {
            return true;
        }

        @Override
        public int recordsFrom() {
            return FROZEN.recordsFrom();
        }

        @Override
        public NDArray apply(String path, NDArray x, NDArray weight, NDArray base) {
            if (path.equals(ModelConfig.HEAD)) {
                hidden = x.duplicate();
                NDScope.unregister(hidden);
            }
            return FROZEN.apply(path, x, weight, base);
        }
    }

    /** To the rounding of float32, which Python computed in as well: some 10 to 30 units of the last place. */
    private static double tolerance(String name) {
        return name.equals("qwen3") || name.equals("llama31") ? 2e-6 : 5e-6;
    }

    private static void assertNear(String name, NDArray found, double[] expected) {
        double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
        float[] narrow = found.toFloatArray();
        double[] values =
                IntStream.range(0, narrow.length).mapToDouble(i -> narrow[i]).toArray();
        double difference = IntStream.range(0, expected.length)
                .mapToDouble(i -> Math.abs(values[i] - expected[i]))
                .max()
                .orElse(0);
        assertThat(values).hasSameSizeAs(expected);
        assertThat(difference).isLessThan(tolerance(name) * largest);
    }
}
