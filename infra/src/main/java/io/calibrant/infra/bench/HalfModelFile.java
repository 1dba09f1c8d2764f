package io.calibrant.infra.bench;

import io.calibrant.trainer.model.LinearShape;
import io.calibrant.trainer.model.ModelConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** A model directory in bfloat16 whose weights are random, a million numbers over and over. Written as it is made. */
final class HalfModelFile {
    private static final int NUMBERS = 1_000_003; // prime: no two rows are the same

    private HalfModelFile() {}

    /** Writes config.json and model.safetensors of a Llama. */
    static Path write(ModelConfig config, Path directory) throws IOException {
        Files.createDirectories(directory);
        Workload.writeConfig(config, directory);
        Map<String, long[]> shapes = shapes(config);
        ByteBuffer random = random();
        try (FileChannel channel = FileChannel.open(
                directory.resolve("model.safetensors"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(header(shapes));
            for (long[] shape : shapes.values()) {
                long left = Short.BYTES * numbers(shape);
                if (shape.length == 1) {
                    channel.write(ones((int) shape[0]));
                    continue;
                }
                while (left > 0) {
                    left -= channel.write(random.limit((int) Math.min(random.capacity(), random.position() + left)));
                    random.limit(random.capacity());
                    if (!random.hasRemaining()) {
                        random.rewind();
                    }
                }
            }
        }
        return directory;
    }

    private static Map<String, long[]> shapes(ModelConfig config) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put("model.embed_tokens.weight", new long[] {config.vocabularySize(), config.width()});
        for (LinearShape linear : config.linears()) {
            if (!linear.path().equals(ModelConfig.HEAD)
                    || !config.architecture().tiedHead()) {
                shapes.put(linear.path() + ".weight", new long[] {linear.outputs(), linear.inputs()});
            }
        }
        for (int i = 0; i < config.layers(); i++) {
            shapes.put("model.layers." + i + ".input_layernorm.weight", new long[] {config.width()});
            shapes.put("model.layers." + i + ".post_attention_layernorm.weight", new long[] {config.width()});
        }
        shapes.put("model.norm.weight", new long[] {config.width()});
        return shapes;
    }

    private static long numbers(long[] shape) {
        return shape.length == 1 ? shape[0] : shape[0] * shape[1];
    }

    private static ByteBuffer header(Map<String, long[]> shapes) {
        List<String> tensors = new ArrayList<>();
        long[] at = {0};
        shapes.forEach((name, shape) -> {
            long end = at[0] + Short.BYTES * numbers(shape);
            String dimensions = shape.length == 1 ? "" + shape[0] : shape[0] + "," + shape[1];
            tensors.add("\"" + name + "\":{\"dtype\":\"BF16\",\"shape\":[" + dimensions + "],\"data_offsets\":[" + at[0]
                    + "," + end + "]}");
            at[0] = end;
        });
        byte[] json = ("{" + String.join(",", tensors) + "}").getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(Long.BYTES + json.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .put(json)
                .flip();
    }

    /** Uniform numbers of standard deviation 0.02, the usual initialiser_range. */
    private static ByteBuffer random() {
        SplittableRandom random = new SplittableRandom(0);
        ByteBuffer bytes = ByteBuffer.allocateDirect(Short.BYTES * NUMBERS).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < NUMBERS; i++) {
            float number = (float) ((random.nextDouble() - 0.5) * 0.02 * Math.sqrt(12));
            bytes.putShort((short) (Float.floatToRawIntBits(number) >>> 16));
        }
        return bytes.flip();
    }

    private static ByteBuffer ones(int count) {
        ByteBuffer bytes = ByteBuffer.allocate(Short.BYTES * count).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            bytes.putShort((short) 0x3f80);
        }
        return bytes.flip();
    }
}
