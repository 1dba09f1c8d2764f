package io.calibrant.trainer.safetensors;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Collects float32 tensors and writes them as one safetensors file. The same tensors give the same bytes. */
public final class SafetensorsWriter {

    /** Floats that are encoded at a time. */
    private static final int CHUNK = 1 << 18;

    private static final JsonMapper JSON = new JsonMapper();

    private static final class Tensor {
        final List<Long> shape;
        final float[] data;

        Tensor(List<Long> shape, float[] data) {
            this.shape = shape;
            this.data = data;
        }
    }

    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    /** An empty file; transformers refuses one whose metadata have no format. */
    public SafetensorsWriter() {
        metadata.put("format", "pt");
    }

    /** Says something of the file, in its header. */
    public SafetensorsWriter describe(String name, String value) {
        metadata.put(name, value);
        return this;
    }

    /**
     * Adds a tensor; the array is not copied and must not change before {@link #write}.
     *
     * @param data row-major
     * @throws IllegalArgumentException if the shape does not fit the data, or the name is taken
     */
    public SafetensorsWriter add(String name, float[] data, long... shape) {
        List<Long> dimensions = Arrays.stream(shape).boxed().toList();
        long size = dimensions.stream().reduce(1L, Math::multiplyExact);
        if (size != data.length) {
            throw new IllegalArgumentException(
                    name + ": shape " + TensorEntry.describe(dimensions) + " for " + data.length + " numbers");
        }
        if (tensors.putIfAbsent(name, new Tensor(dimensions, data)) != null) {
            throw new IllegalArgumentException(name + " was added before");
        }
        return this;
    }

    /**
     * Writes the file: beside it first, then moved into place, so that a reader never sees a half-written one.
     *
     * @throws IOException if it cannot be written
     */
    public void write(Path file) throws IOException {
        write(file, file.resolveSibling(file.getFileName() + ".partial"));
    }

    /**
     * Writes the file: first to {@code partial} in the same directory and down to the disk, then moved into place at
     * once.
     *
     * @throws IOException if it cannot be written
     */
    public void write(Path file, Path partial) throws IOException {
        try (FileChannel channel = FileChannel.open(
                partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            writeFully(channel, header());
            ByteBuffer chunk = ByteBuffer.allocate(CHUNK * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (Tensor tensor : tensors.values()) {
                for (int from = 0; from < tensor.data.length; from += CHUNK) {
                    int count = Math.min(CHUNK, tensor.data.length - from);
                    chunk.clear();
                    chunk.asFloatBuffer().put(tensor.data, from, count);
                    writeFully(channel, chunk.limit(count * Float.BYTES));
                }
            }
            channel.force(true);
        }
        Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private ByteBuffer header() throws IOException {
        ObjectNode root = JSON.createObjectNode();
        metadata.forEach(root.putObject(SafetensorsHeader.METADATA)::put);
        long at = 0;
        for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
            ObjectNode node = root.putObject(entry.getKey());
            node.put("dtype", ElementType.F32.name());
            entry.getValue().shape.forEach(node.putArray("shape")::add);
            long end = at + (long) entry.getValue().data.length * Float.BYTES;
            node.putArray("data_offsets").add(at).add(end);
            at = end;
        }
        byte[] json = JSON.writeValueAsString(root).getBytes(StandardCharsets.UTF_8);
        int padded =
                (json.length + 7) / 8 * 8; // data starts at a multiple of 8, filled with spaces, as the format asks
        ByteBuffer header = ByteBuffer.allocate(Long.BYTES + padded)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(padded)
                .put(json);
        while (header.hasRemaining()) {
            header.put((byte) ' ');
        }
        return header.flip();
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
