package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same weights in every kind of file, and models that others made. */
class ModelFilesTest {

    private static final TokenBatch BATCH =
            TokenBatch.leftPadded(List.of(new long[] {3, 1, 4, 1, 5, 9, 2}, new long[] {6, 5, 3}), 0);

    @TempDir
    Path directory;

    private Path original;

    @BeforeEach
    void write() {
        original = new TinyModel().write(directory.resolve("original"), 31);
    }

    private static float[] logits(Path model, TokenBatch batch) {
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get());
                NDManager pass = llama.newManager()) {
            return llama.fullLogits(batch, LinearHook.FROZEN, pass).toFloatArray();
        }
    }

    private Path copy(String name) throws IOException {
        Path copy = Files.createDirectory(directory.resolve(name));
        Files.copy(original.resolve("config.json"), copy.resolve("config.json"));
        return copy;
    }

    @Test
    void shouldGiveTheSameLogitsFromShards() throws IOException {
        Path sharded = copy("sharded");
        ObjectNode index = new JsonMapper().createObjectNode();
        ObjectNode map = index.putObject("weight_map");
        SafetensorsWriter[] shards = {new SafetensorsWriter(), new SafetensorsWriter(), new SafetensorsWriter()};
        try (SafetensorsReader reader = SafetensorsReader.open(original)) {
            int i = 0;
            for (String name : reader.names()) {
                int shard = i++ % 3;
                long[] shape =
                        reader.entry(name).shape().stream().mapToLong(d -> d).toArray();
                shards[shard].add(name, reader.floats(name), shape);
                map.put(name, "shard" + shard + ".safetensors");
            }
        }
        for (int i = 0; i < 3; i++) {
            shards[i].write(sharded.resolve("shard" + i + ".safetensors"));
        }
        Files.writeString(sharded.resolve("model.safetensors.index.json"), index.toString());
        assertThat(logits(sharded, BATCH)).containsExactly(logits(original, BATCH));
    }

    @ParameterizedTest
    @ValueSource(strings = {"BF16", "F16"})
    void shouldGiveTheLogitsOfTheRoundedWeightsFromHalves(String type) throws IOException {
        Path halves = copy(type);
        Path rounded = copy("rounded" + type);
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        ObjectNode header = new JsonMapper().createObjectNode();
        SafetensorsWriter writer = new SafetensorsWriter();
        try (SafetensorsReader reader = SafetensorsReader.open(original)) {
            for (String name : reader.names()) {
                TensorEntry entry = reader.entry(name);
                float[] values = reader.floats(name);
                ByteBuffer bytes = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
                for (int i = 0; i < values.length; i++) {
                    values[i] = type.equals("BF16") ? toBfloat16(values[i], bytes) : toFloat16(values[i], bytes);
                }
                ObjectNode node = header.putObject(name).put("dtype", type);
                entry.shape().forEach(node.putArray("shape")::add);
                node.putArray("data_offsets").add(data.size()).add(data.size() + bytes.capacity());
                data.write(bytes.array());
                writer.add(
                        name, values, entry.shape().stream().mapToLong(d -> d).toArray());
            }
        }
        writer.write(rounded.resolve("model.safetensors"));
        byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .array());
        file.write(json);
        data.writeTo(file);
        Files.write(halves.resolve("model.safetensors"), file.toByteArray());

        float[] found = logits(halves, BATCH);
        assertThat(found).containsExactly(logits(rounded, BATCH));
        assertThat(found).containsExactly(logits(original, BATCH), within(type.equals("BF16") ? 0.15f : 0.02f));
    }

    /** Cuts the lower half off, appends the upper one, and returns what it stands for. */
    private static float toBfloat16(float value, ByteBuffer into) {
        int upper = Float.floatToRawIntBits(value) >>> 16;
        into.putShort((short) upper);
        return Float.intBitsToFloat(upper << 16);
    }

    /** Ten bits of fraction, cut off; the weights here are neither tiny nor huge. */
    private static float toFloat16(float value, ByteBuffer into) {
        float magnitude = Math.abs(value);
        int exponent = Math.max(Math.getExponent(magnitude), -14);
        int fraction = (int) Math.scalb(magnitude, 10 - exponent);
        int biased = fraction >= 1024 ? exponent + 15 : 0;
        into.putShort((short) ((value < 0 ? 0x8000 : 0) | biased << 10 | (fraction & 1023)));
        return Math.copySign(Math.scalb((float) fraction, exponent - 10), value);
    }

    @Test
    void shouldNameTheTensorThatDoesNotFitTheConfiguration() throws IOException {
        Path other = directory.resolve("other");
        new TinyModel().set("intermediate_size", 30).writeConfig(other);
        Path file = Files.copy(original.resolve("model.safetensors"), other.resolve("model.safetensors"));
        assertThatThrownBy(() -> LanguageModel.load(other, TestDevice.get()))
                .isInstanceOf(ModelFileException.class)
                .hasMessage(file + ": tensor model.layers.0.mlp.gate_proj.weight: expected shape 30x20, found 28x20");
        new TinyModel().set("num_hidden_layers", 4).writeConfig(other);
        assertThatThrownBy(() -> LanguageModel.load(other, TestDevice.get()))
                .isInstanceOf(ModelFileException.class)
                .hasMessage(file + ": no tensor model.layers.3.input_layernorm.weight");
    }

    @ParameterizedTest
    @ValueSource(strings = {"TinyStories-656K", "stories260K"})
    void shouldContinueAStoryWithModelsOfOthers(String name) {
        Path model = Path.of("../../shared/assets/models", name);
        assumeTrue(Files.exists(model.resolve("model.safetensors")), "no " + model + " beside this checkout");
        long[] prompt = greedy(model, new long[] {1}, 24);
        assertThat(prompt).hasSize(25).doesNotContain(0);
        assertThat(Arrays.stream(prompt).distinct().count())
                .as("a story, not one token for ever")
                .isGreaterThan(10);
    }

    /** Appends the likeliest token; also shows that sequences of different lengths share tables and masks correctly. */
    private static long[] greedy(Path model, long[] start, int count) {
        long[] ids = start;
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get())) {
            for (int i = 0; i < count; i++) {
                try (NDManager pass = llama.newManager()) {
                    NDArray all = llama.fullLogits(TokenBatch.leftPadded(List.of(ids), 0), LinearHook.FROZEN, pass);
                    ids = Arrays.copyOf(ids, ids.length + 1);
                    ids[ids.length - 1] = all.get("0,-1").argMax().getLong();
                }
            }
        }
        return ids;
    }

    @Test
    void shouldReadPositionsBeyondTheFirstTables() throws IOException {
        Path model = new TinyModel()
                .set("max_position_embeddings", 2048)
                .set("num_hidden_layers", 1)
                .write(directory.resolve("long"), 32);
        long[] tail = {9, 8, 7, 6, 5};
        long[][] ids = new long[1][700];
        boolean[][] real = new boolean[1][700];
        System.arraycopy(tail, 0, ids[0], 695, 5);
        Arrays.fill(real[0], 695, 700, true);
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get());
                NDManager pass = llama.newManager();
                NDArray rows = llama.classRows(pass, 1, 2, 3)) {
            float[] near = llama.logits(TokenBatch.leftPadded(List.of(tail), 0), rows, LinearHook.FROZEN, pass)
                    .toFloatArray();
            float[] far = llama.logits(TokenBatch.of(ids, real), rows, LinearHook.FROZEN, pass)
                    .toFloatArray();
            assertThat(far).containsExactly(near, within(1e-5f));
        }
    }

    @Test
    void shouldTakeTheHeadOfTheFileThoughTheModelIsTied() throws IOException {
        Path tied = new TinyModel().set("tie_word_embeddings", true).writeConfig(directory.resolve("other"));
        Files.copy(original.resolve("model.safetensors"), tied.resolve("model.safetensors"));
        assertThat(logits(tied, BATCH)).isEqualTo(logits(original, BATCH));
    }

    @Test
    void shouldRefuseWeightsThatAreNotFinite() throws IOException {
        Path copy = copy("nan");
        byte[] bytes = Files.readAllBytes(original.resolve("model.safetensors"));
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - Float.BYTES, Float.NaN);
        Files.write(copy.resolve("model.safetensors"), bytes);
        assertThatThrownBy(() -> LanguageModel.load(copy, TestDevice.get()).close())
                .isInstanceOf(ModelFileException.class)
                .hasMessageContainingAll("model.safetensors: tensor ", "must be finite", "NaN");
    }
}
