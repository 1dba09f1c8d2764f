package io.calibrant.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which matrices of a bitsandbytes checkpoint are in four bits. */
class StoredQuantizationTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo", "nf4");

    @TempDir
    private Path directory;

    private StoredQuantization skipping(String... modules) {
        Map<String, Object> quantization = Map.of(
                "quant_method",
                "bitsandbytes",
                "load_in_4bit",
                true,
                "bnb_4bit_quant_type",
                "nf4",
                "llm_int8_skip_modules",
                List.of(modules));
        Path file = new TinyModel()
                .set("quantization_config", quantization)
                .writeConfig(directory)
                .resolve("config.json");
        return StoredQuantization.read(ConfigFile.read(file)).orElseThrow();
    }

    @Test
    void shouldSkipTheModulesThatTransformersSkips() {
        new TinyModel().write(directory, 1);
        try (SafetensorsReader reader = SafetensorsReader.open(directory)) {
            TensorEntry up = reader.entry("model.layers.1.mlp.up_proj.weight");
            for (String key : List.of(
                    "up_proj",
                    "_proj",
                    "model.layers.1",
                    "model.layers.[12]..*",
                    "model.*mlp|lm_head",
                    "mlp",
                    "layers.1")) {
                assertThatCode(() -> skipping(key).requireSkipped(up)).as(key).doesNotThrowAnyException();
            }
            for (String key :
                    List.of("lm_head", "model.layers.0", "model.layers.1.mlp.up", "ayers.1", "up_proj.weight")) {
                assertThatThrownBy(() -> skipping("o_proj", key).requireSkipped(up))
                        .as(key)
                        .isInstanceOf(ModelFileException.class)
                        .hasMessageContaining("up_proj.weight: expected NF4");
            }
        }
        assertThatThrownBy(() -> skipping("*_proj"))
                .hasMessageContaining("llm_int8_skip_modules must be a list of regular expressions, got '*_proj'");
    }

    /** A list of one's own takes the place of the one that spares the head. */
    @Test
    void shouldReadAHeadInFourBits() throws IOException {
        assumeTrue(Files.isDirectory(ZOO), ZOO + " is not here");
        String name = "model.layers.0.mlp.gate_proj.weight";
        ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(ZOO.resolve("bnb4_plain/model.safetensors")))
                .order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) all.getLong();
        byte[] header = new String(all.array(), Long.BYTES, length, StandardCharsets.UTF_8)
                .replace(name, "lm_head.weight")
                .getBytes(StandardCharsets.UTF_8);
        ByteBuffer renamed =
                ByteBuffer.allocate(all.capacity() - length + header.length).order(ByteOrder.LITTLE_ENDIAN);
        renamed.putLong(header.length)
                .put(header)
                .put(all.array(), Long.BYTES + length, all.capacity() - length - Long.BYTES);
        Path file = Files.write(directory.resolve("model.safetensors"), renamed.array());

        try (SafetensorsReader reader = SafetensorsReader.open(file);
                SafetensorsReader expected = SafetensorsReader.open(ZOO.resolve("dequantised.plain.safetensors"));
                NDManager manager = NDManager.newBaseManager(TestDevice.get(), "PyTorch")) {
            WeightLoader loader = new WeightLoader(
                    reader,
                    null,
                    ReplacedWeights.NONE,
                    manager,
                    DataType.FLOAT32,
                    BaseFormat.F32,
                    Optional.of(skipping("o_proj")));
            NDArray head = loader.load("lm_head.weight", 232, 72);
            assertThat(head.toFloatArray()).containsExactly(expected.floats(name));
        }
    }
}
