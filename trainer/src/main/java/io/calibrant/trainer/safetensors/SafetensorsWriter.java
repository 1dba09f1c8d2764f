package io.calibrant.trainer.safetensors;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
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

    /** A tensor that is to be written: where its numbers come from, a piece at a time. */
    private record Tensor(List<Long> shape, Source source) {
        long size() {
            return shape.stream().reduce(1L, Math::multiplyExact);
        }
    }

    private interface Source {
        /** Puts numbers {@code from, from + 1, ...} into a chunk until that is full; its position stays at 0. */
        void read(long from, ByteBuffer chunk);
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
        return add(name, new Tensor(dimensions, (from, chunk) -> {
            FloatBuffer target = chunk.asFloatBuffer();
            target.put(data, Math.toIntExact(from), target.remaining());
        }));
    }

    /**
     * Adds a tensor of another file as float32. {@link #write} copies it a piece at a time, so it may be larger than an
     * array; until then the reader must stay open.
     *
     * @param stored its name in that file
     * @throws IllegalArgumentException if it is of no floating-point type, or the name is taken
     * @throws ModelFileException if there is none of that name; by {@link #write} also where a number is not finite
     */
    public SafetensorsWriter add(String name, SafetensorsReader reader, String stored) {
        TensorEntry entry = reader.entry(stored);
        if (!entry.type().isFloatingPoint()) {
            throw new IllegalArgumentException(stored + " is " + entry.type() + ", not floating-point");
        }
        return add(name, new Tensor(entry.shape(), (from, chunk) -> reader.readFinite(entry, from, chunk)));
    }

    private SafetensorsWriter add(String name, Tensor tensor) {
        if (tensors.putIfAbsent(name, tensor) != null) {
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
                for (long from = 0; from < tensor.size(); from += CHUNK) {
                    int count = (int) Math.min(CHUNK, tensor.size() - from);
                    chunk.clear().limit(count * Float.BYTES);
                    tensor.source().read(from, chunk);
                    writeFully(channel, chunk);
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
            entry.getValue().shape().forEach(node.putArray("shape")::add);
            long end = at + entry.getValue().size() * Float.BYTES;
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
