package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.BaseWeights;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Adapters of every form that PEFT writes, beside the project, on one tiny model: the logits that PEFT computes of
 * them, from their own files and from the files that we write of them.
 */
class AdapterZooTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo", "adapters");
    private static final String BASE = "base";
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    Path directory;

    /** Every directory with an adapter; where there are none, one that is skipped. */
    static List<String> adapters() throws IOException {
        if (!Files.isDirectory(ZOO)) {
            return List.of("plain");
        }
        try (Stream<Path> found = Files.walk(ZOO, 2)) {
            return found.filter(path -> Files.exists(path.resolve("adapter_config.json")))
                    .map(path -> ZOO.relativize(path).toString())
                    .sorted()
                    .toList();
        }
    }

    private static Path directory(String name) {
        Path found = ZOO.resolve(name);
        assumeTrue(Files.isDirectory(found), found + " is not here: reference values not compared");
        return found;
    }

    private static JsonNode reference(Path directory) throws IOException {
        return JSON.readTree(directory.resolve("ref.json").toFile());
    }

    private static double[] numbers(JsonNode node) {
        return node.isNumber()
                ? new double[] {node.asDouble()}
                : StreamSupport.stream(node.spliterator(), false)
                        .flatMapToDouble(each -> Arrays.stream(numbers(each)))
                        .toArray();
    }

    private static TokenBatch prompts() throws IOException {
        List<long[]> prompts = new ArrayList<>();
        reference(ZOO.resolve(BASE))
                .path("prompt_ids")
                .forEach(ids -> prompts.add(
                        Arrays.stream(numbers(ids)).mapToLong(id -> (long) id).toArray()));
        return TokenBatch.leftPadded(prompts, 0);
    }

    @ParameterizedTest
    @MethodSource("adapters")
    void shouldGiveTheLogitsOfPeftAndWriteTheAdapterBack(String name) throws IOException {
        Path adapter = directory(name);
        Path base = ZOO.resolve(BASE);
        double[] expected = numbers(reference(adapter).path("last_logits"));
        BaseWeights.requireUnchanged(adapter, Peft.saved(adapter), base);
        double own = difference(name, adapter, expected);
        Path written = directory.resolve("written");
        ModelConfig config = ModelConfig.read(base);
        Adapter read = Peft.read(adapter, config, new int[] {7, 300});
        Peft.write(written, read, config, "the/base");
        assertThat(difference(name, written, expected)).isEqualTo(own);
        assertThat(names(written)).isEqualTo(names(adapter));
        assertThat(Peft.read(written, config, new int[] {7, 300}).settings()).isEqualTo(read.settings());
    }

    /** As PEFT names them when it saves an adapter. */
    private static List<String> names(Path adapter) {
        try (SafetensorsReader reader = SafetensorsReader.open(adapter.resolve("adapter_model.safetensors"))) {
            return reader.names().stream()
                    .map(name -> name.replace(".default.", "."))
                    .sorted()
                    .toList();
        }
    }

    /** The largest difference of the logits of the whole vocabulary. */
    private static double difference(String name, Path directory, double[] expected) throws IOException {
        ModelConfig config = ModelConfig.read(ZOO.resolve(BASE));
        int[] all = IntStream.range(0, config.vocabularySize()).toArray();
        Adapter adapter = Peft.read(directory, config, all);
        try (LanguageModel model = LanguageModel.load(
                        ZOO.resolve(BASE),
                        TestDevice.get(),
                        DataType.FLOAT32,
                        adapter.saved().weights());
                AdaptedModel adapted = new AdaptedModel(model, adapter);
                Pass plain = adapted.forward(prompts(), Mode.PLAIN);
                StackedPass stacked = adapted.stacked(prompts())) {
            float[] found = plain.logits().toFloatArray();
            float[] again = stacked.logits().toFloatArray();
            double largest = 0;
            for (int i = 0; i < expected.length; i++) {
                largest = Math.max(largest, Math.abs(found[i] - expected[i]));
                largest = Math.max(largest, Math.abs(again[i] - expected[i]));
            }
            System.out.println(String.format(Locale.ROOT, "%s: logits off by %.1e", name, largest));
            assertThat(largest).as(name).isLessThan(2e-5);
            return largest;
        }
    }

    /** What an adapter's training changed beside LoRA has to be loaded; without it the answers would be others. */
    @Test
    void shouldDifferWithoutTheWeightsThatAnAdapterReplaces() throws IOException {
        for (String name : List.of("save_lm_head", "save_embed_and_lm_head", "bias_lora_only")) {
            Path adapter = directory(name);
            double[] expected = numbers(reference(adapter).path("last_logits"));
            ModelConfig config = ModelConfig.read(ZOO.resolve(BASE));
            int[] all = IntStream.range(0, config.vocabularySize()).toArray();
            try (LanguageModel model = LanguageModel.load(ZOO.resolve(BASE), TestDevice.get());
                    AdaptedModel adapted = new AdaptedModel(model, Peft.read(adapter, config, all));
                    Pass plain = adapted.forward(prompts(), Mode.PLAIN)) {
                float[] found = plain.logits().toFloatArray();
                assertThat(IntStream.range(0, found.length)
                                .mapToDouble(i -> Math.abs(found[i] - expected[i]))
                                .max()
                                .orElse(0))
                        .as(name)
                        .isGreaterThan(0.01);
            }
        }
    }

    @Test
    void shouldNameTheFoldersOfADirectoryOfAdapters() {
        Path folders = directory("subfolders");
        ModelConfig config = ModelConfig.read(ZOO.resolve(BASE));
        assertThatThrownBy(() -> Peft.read(folders, config, new int[] {1}))
                .isInstanceOf(ModelFileException.class)
                .hasMessageContaining("give a directory within: film, news");
    }
}
