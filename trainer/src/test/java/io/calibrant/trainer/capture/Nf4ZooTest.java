package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.TokenBatch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Logits on a base in NF4, rounded here or by bitsandbytes, without and with an adapter. */
class Nf4ZooTest {
    private static final Path ZOO = Path.of("../../shared", "zoo", "nf4");

    private static JsonNode reference() throws IOException {
        assumeTrue(Files.isDirectory(ZOO), "reference models are not beside this checkout: " + ZOO);
        return new JsonMapper().readTree(ZOO.resolve("ref.json").toFile());
    }

    private static double[] numbers(JsonNode rows) {
        return StreamSupport.stream(rows.spliterator(), false)
                .flatMapToDouble(
                        row -> StreamSupport.stream(row.spliterator(), false).mapToDouble(JsonNode::asDouble))
                .toArray();
    }

    @ParameterizedTest
    @CsvSource({
        "unquantised, base, F32, NONE",
        "double, base, F32, NF4",
        "double, bnb4_double, F32, NONE",
        "double, bnb4_double, F32, NF4",
        "plain, base, F32, NF4_SINGLE",
        "plain, bnb4_plain, F32, NONE",
        "double_bf16, base, BF16, NF4",
        "double_bf16, bnb4_double_bf16, F32, NONE",
        "double_bf16, bnb4_double_bf16, BF16, NONE"
    })
    void shouldGiveTheLogitsOfTheRoundedModel(
            String variant, String model, BaseType type, BaseQuantization quantization) throws IOException {
        JsonNode reference = reference();
        List<long[]> prompts = new ArrayList<>();
        reference
                .path("prompt_ids")
                .forEach(ids -> prompts.add(StreamSupport.stream(ids.spliterator(), false)
                        .mapToLong(JsonNode::asLong)
                        .toArray()));
        TokenBatch batch = TokenBatch.leftPadded(prompts, 0);
        JsonNode expected = reference.path("variants").path(variant);
        BaseFormat format = new BaseFormat(type, quantization);
        try (LanguageModel llama = LanguageModel.load(ZOO.resolve(model), TestDevice.get(), format);
                var pass = llama.newManager()) {
            int[] all = IntStream.range(0, llama.config().vocabularySize()).toArray();
            NDArray plain = llama.logits(batch, llama.classRows(pass, all), LinearHook.FROZEN, pass);
            assertNear(plain, numbers(expected.path("last_logits")));
            try (AdaptedModel adapted =
                            new AdaptedModel(llama, Peft.read(ZOO.resolve("adapter"), llama.config(), all));
                    Pass recorded = adapted.forward(batch, Mode.PLAIN);
                    StackedPass stacked = adapted.stacked(batch)) {
                assertNear(recorded.logits(), numbers(expected.path("adapter_last_logits")));
                assertNear(stacked.logits(), numbers(expected.path("adapter_last_logits")));
            }
        }
    }

    private static void assertNear(NDArray found, double[] expected) {
        float[] narrow = found.toFloatArray();
        double[] values =
                IntStream.range(0, narrow.length).mapToDouble(i -> narrow[i]).toArray();
        assertThat(values).containsExactly(expected, within(1e-4));
    }
}
