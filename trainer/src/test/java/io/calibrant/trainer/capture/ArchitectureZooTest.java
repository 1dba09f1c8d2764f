package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
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
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tiny models of each architecture that lie beside the project, against what transformers and peft compute of them: the
 * logits of the whole vocabulary after four questions of unequal length, with and without an adapter, and the hidden
 * states of every token.
 */
class ArchitectureZooTest {
    private static final Path ZOO = Path.of("../../shared/zoo");
    private static final JsonMapper JSON = new JsonMapper();

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
    @ValueSource(strings = {"qwen3", "llama31"})
    void shouldGiveTheLogitsOfTransformers(String name) throws IOException {
        Path directory = directory(name);
        try (LanguageModel model = LanguageModel.load(directory, TestDevice.get());
                var pass = model.newManager()) {
            int[] all = IntStream.range(0, model.config().vocabularySize()).toArray();
            NDArray logits = model.logits(
                    TokenBatch.leftPadded(prompts(directory), 0), model.classRows(pass, all), LinearHook.FROZEN, pass);
            assertNear(logits, lastLogits(directory));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "llama31"})
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
                assertNear(head.hidden, states.doubles("q" + q + last));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "llama31"})
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
                assertNear(plain.logits(), expected);
                assertNear(stacked.logits(), expected);
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

    /** To the rounding of float32, which Python computed in as well. */
    private static void assertNear(NDArray found, double[] expected) {
        double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
        float[] narrow = found.toFloatArray();
        double[] values =
                IntStream.range(0, narrow.length).mapToDouble(i -> narrow[i]).toArray();
        assertThat(values).containsExactly(expected, within(2e-6 * largest));
    }
}
