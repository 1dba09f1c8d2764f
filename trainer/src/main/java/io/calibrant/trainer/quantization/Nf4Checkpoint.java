package io.calibrant.trainer.quantization;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.safetensors.ElementType;
import io.calibrant.trainer.safetensors.ModelFileException;
import io.calibrant.trainer.safetensors.Piece;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A weight of bitsandbytes' own 4-bit checkpoint. Beside the codes, two in a byte and the first in its high half, lie
 * {@code .absmax} (float32, or with double quantisation the 8-bit codes of the scales), {@code .quant_map}, for double
 * quantisation {@code .nested_absmax} and {@code .nested_quant_map}, and a JSON text that alone knows the shape.
 */
public final class Nf4Checkpoint implements WeightSource {
    private static final String STATE = ".quant_state.bitsandbytes__nf4";
    private static final String ABSMAX = ".absmax";
    private static final JsonMapper JSON = new JsonMapper();

    private final SafetensorsReader reader;
    private final TensorEntry codes;
    private final float[] values;
    private final float[] scales;
    private final int block;
    private final ElementType type;

    private Nf4Checkpoint(
            SafetensorsReader reader, TensorEntry codes, float[] values, float[] scales, int block, ElementType type) {
        this.reader = reader;
        this.codes = codes;
        this.values = values;
        this.scales = scales;
        this.block = block;
        this.type = type;
    }

    /** Whether the file holds this weight in NF4. */
    public static boolean holds(SafetensorsReader reader, String name) {
        return reader.contains(name + STATE);
    }

    /**
     * A weight that the file {@link #holds}.
     *
     * @throws ModelFileException naming file, tensor, expected and found, if a part of it is absent or otherwise shaped
     */
    public static Nf4Checkpoint of(SafetensorsReader reader, String name, long... shape) {
        State state = new State(reader, name);
        state.requireText("quant_type", "nf4");
        state.requireShape(shape);
        long size = Arrays.stream(shape).reduce(1, Math::multiplyExact);
        int block = state.block("blocksize");
        TensorEntry codes = bytes(reader, name, (size + 1) / 2);
        float[] values = floats(reader, name + ".quant_map", Code.NF4.size());
        int blocks = Math.toIntExact((size + block - 1) / block);
        float[] scales = reader.entry(name + ABSMAX).type() == ElementType.U8
                ? nested(reader, name, state, blocks)
                : floats(reader, name + ABSMAX, blocks);
        return new Nf4Checkpoint(reader, codes, values, scales, block, state.type());
    }

    private static float[] nested(SafetensorsReader reader, String name, State state, int blocks) {
        int nestedBlock = state.block("nested_blocksize");
        float offset = state.number("nested_offset");
        ByteBuffer codes = ByteBuffer.allocate(blocks);
        reader.readBytes(bytes(reader, name + ABSMAX, blocks), 0, codes);
        float[] nested = floats(reader, name + ".nested_absmax", (blocks + nestedBlock - 1) / nestedBlock);
        float[] values = floats(reader, name + ".nested_quant_map", Code.DYNAMIC.size());
        float[] scales = new float[blocks];
        for (int i = 0; i < blocks; i++) {
            scales[i] = values[codes.get(i) & 0xff] * nested[i / nestedBlock] + offset;
        }
        return scales;
    }

    @Override
    public void read(long from, ByteBuffer target) {
        FloatBuffer floats = target.slice().order(target.order()).asFloatBuffer();
        Piece.of(floats.remaining()).forEach(piece -> {
            long firstByte = (from + piece.begin()) / 2;
            ByteBuffer pairs = ByteBuffer.allocate((int) ((from + piece.end() + 1) / 2 - firstByte));
            reader.readBytes(codes, firstByte, pairs);
            for (int i = piece.begin(); i < piece.end(); i++) {
                long element = from + i;
                int pair = pairs.get((int) (element / 2 - firstByte));
                int code = (element % 2 == 0 ? pair >> 4 : pair) & 0xf;
                floats.put(i, type.nearest(values[code] * scales[(int) (element / block)]));
            }
        });
    }

    private static TensorEntry bytes(SafetensorsReader reader, String name, long count) {
        TensorEntry entry = reader.entry(name);
        if (entry.type() != ElementType.U8 || entry.size() != count) {
            throw wrong(entry, count + " of U8", entry.size() + " of " + entry.type());
        }
        return entry;
    }

    private static float[] floats(SafetensorsReader reader, String name, int count) {
        TensorEntry entry = reader.entry(name);
        if (!entry.type().isFloatingPoint() || entry.size() != count) {
            throw wrong(entry, count + " of F32", entry.size() + " of " + entry.type());
        }
        return reader.finiteFloats(name);
    }

    private static ModelFileException wrong(TensorEntry entry, String expected, String found) {
        return new ModelFileException(
                entry.file() + ": tensor " + entry.name() + ": expected " + expected + ", found " + found);
    }

    /** The JSON text of a weight. */
    private static final class State {
        private final TensorEntry entry;
        private final JsonNode root;

        State(SafetensorsReader reader, String name) {
            entry = reader.entry(name + STATE);
            ByteBuffer text = ByteBuffer.allocate(Math.toIntExact(entry.bytes()));
            reader.readBytes(entry, 0, text);
            try {
                root = JSON.readTree(new String(text.array(), StandardCharsets.UTF_8));
            } catch (JsonProcessingException e) {
                throw wrong(entry, "JSON", e.getOriginalMessage());
            }
        }

        void requireText(String key, String accepted) {
            if (!root.path(key).asText().equals(accepted)) {
                throw refused(key, accepted);
            }
        }

        void requireShape(long... shape) {
            List<Long> found = new ArrayList<>();
            root.path("shape").forEach(dimension -> found.add(dimension.asLong()));
            List<Long> expected = Arrays.stream(shape).boxed().toList();
            if (!found.equals(expected)) {
                throw wrong(entry, "shape " + TensorEntry.describe(expected), TensorEntry.describe(found));
            }
        }

        int block(String key) {
            if (root.path(key).asInt() < 1) {
                throw refused(key, "1 or more");
            }
            return root.path(key).asInt();
        }

        float number(String key) {
            if (!root.path(key).isNumber()) {
                throw refused(key, "a number");
            }
            return (float) root.path(key).asDouble();
        }

        /** What a weight is rounded to after it was scaled. */
        ElementType type() {
            return switch (root.path("dtype").asText()) {
                case "float32" -> ElementType.F32;
                case "bfloat16" -> ElementType.BF16;
                case "float16" -> ElementType.F16;
                default -> throw refused("dtype", "one of float32, bfloat16, float16");
            };
        }

        private ModelFileException refused(String key, String accepted) {
            JsonNode found = root.path(key);
            return new ModelFileException(entry.file() + ": tensor " + entry.name() + ": " + key + " must be "
                    + accepted + ", got " + (found.isMissingNode() ? "nothing" : found));
        }
    }
}
