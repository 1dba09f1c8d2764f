package io.calibrant.trainer.safetensors;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.files.InputFile;
import io.calibrant.trainer.files.MissingFile;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The tensors of one safetensors file, or of all shards that a {@code model.safetensors.index.json} names. Headers are
 * read and checked at open (a truncated file is found there); data is read on demand, at any offset, by any thread, and
 * converted in Java, large reads on all cores.
 *
 * <p>Reads are positional rather than memory-mapped: mapped pages stay resident until a garbage collection, which would
 * double the peak of loading a model, and a mapped file that is replaced underneath ends the JVM with SIGBUS.
 */
public final class SafetensorsReader implements Closeable {

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Path source;
    private final Map<String, TensorEntry> entries;
    private final Map<String, String> metadata;
    private final Map<Path, FileChannel> channels;

    private SafetensorsReader(Path source, SafetensorsHeader header, Map<Path, FileChannel> channels) {
        this.source = source;
        entries = Collections.unmodifiableMap(header.entries());
        metadata = Collections.unmodifiableMap(header.metadata());
        this.channels = channels;
    }

    /**
     * Opens a file, or a model directory: its {@code model.safetensors}, else the shards of its
     * {@code model.safetensors.index.json}.
     *
     * @throws ModelFileException if a file is missing, truncated, or not safetensors
     */
    public static SafetensorsReader open(Path fileOrDirectory) {
        if (!Files.isDirectory(fileOrDirectory)) {
            return openFile(fileOrDirectory);
        }
        Path single = fileOrDirectory.resolve("model.safetensors");
        if (Files.exists(single)) {
            return openFile(single);
        }
        Path index = fileOrDirectory.resolve("model.safetensors.index.json");
        if (Files.exists(index)) {
            return openShards(index);
        }
        throw new ModelFileException(fileOrDirectory
                + ": neither model.safetensors nor model.safetensors.index.json (weights are read from"
                + " safetensors only)" + MissingFile.explain(single));
    }

    private static SafetensorsReader openFile(Path file) {
        Map<Path, FileChannel> channels = new LinkedHashMap<>();
        return closingOnFailure(channels, () -> new SafetensorsReader(file, headerOf(file, channels), channels));
    }

    private static SafetensorsReader openShards(Path index) {
        Map<Path, FileChannel> channels = new LinkedHashMap<>();
        return closingOnFailure(channels, () -> {
            JsonNode map;
            byte[] bytes;
            try {
                bytes = InputFile.read(index, InputFile.MOST_JSON_BYTES);
            } catch (IOException e) {
                throw new ModelFileException(index + ": cannot be read: " + e.getMessage(), e);
            }
            try {
                map = JSON.readTree(bytes).path("weight_map");
            } catch (JsonProcessingException e) {
                throw new ModelFileException(
                        index + ": not JSON: " + e.getOriginalMessage()
                                + InputFile.foreignKind(bytes)
                                        .map(what -> "; it is " + what)
                                        .orElse(""),
                        e);
            }
            if (!map.isObject() || map.isEmpty()) {
                throw new ModelFileException(index + ": no weight_map");
            }
            Map<Path, Map<String, TensorEntry>> shards = new LinkedHashMap<>();
            Map<String, TensorEntry> entries = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> field : map.properties()) {
                if (!field.getValue().isTextual()) {
                    throw new ModelFileException(index + ": weight_map." + field.getKey()
                            + " must be the name of a file, got " + field.getValue());
                }
                Path file = index.resolveSibling(field.getValue().textValue());
                Map<String, TensorEntry> shard = shards.get(file);
                if (shard == null) {
                    shard = headerOf(file, channels).entries();
                    shards.put(file, shard);
                }
                TensorEntry entry = shard.get(field.getKey());
                if (entry == null) {
                    throw new ModelFileException(file + ": no tensor " + field.getKey() + ", which "
                            + index.getFileName() + " places there");
                }
                entries.put(field.getKey(), entry);
            }
            Set<String> placed = Set.copyOf(entries.keySet());
            shards.values().forEach(shard -> addUnplaced(shard, placed, entries));
            return new SafetensorsReader(index, new SafetensorsHeader(entries, Map.of()), channels);
        });
    }

    /** Adds what a shard holds beyond the index: transformers loads all of each shard that the index names. */
    private static void addUnplaced(
            Map<String, TensorEntry> shard, Set<String> placed, Map<String, TensorEntry> entries) {
        shard.forEach((name, entry) -> {
            TensorEntry before = placed.contains(name) ? null : entries.put(name, entry);
            if (before != null) {
                throw new ModelFileException(before.file() + " and " + entry.file() + ": tensor " + name
                        + ": expected in one of them, or placed by the index, found in both");
            }
        });
    }

    private interface Opening {
        SafetensorsReader open() throws IOException;
    }

    private static SafetensorsReader closingOnFailure(Map<Path, FileChannel> channels, Opening opening) {
        boolean opened = false;
        try {
            SafetensorsReader reader = opening.open();
            opened = true;
            return reader;
        } catch (IOException e) {
            throw new ModelFileException("cannot read a model file: " + e.getMessage(), e);
        } finally {
            if (!opened) {
                closeAll(channels);
            }
        }
    }

    private static SafetensorsHeader headerOf(Path file, Map<Path, FileChannel> channels) throws IOException {
        try {
            InputFile.requireRegular(file);
        } catch (NoSuchFileException e) {
            throw new ModelFileException(file + ": no such file", e);
        } catch (IOException e) {
            throw new ModelFileException(file + ": cannot be read: " + e.getMessage(), e);
        }
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        channels.put(file, channel);
        return SafetensorsHeader.read(file, channel);
    }

    /** The file, or the index of the shards. */
    public Path source() {
        return source;
    }

    /** What the writer says of the file; empty for shards. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** The names of all tensors, in file order. */
    public Set<String> names() {
        return entries.keySet();
    }

    /** Whether there is a tensor of this name. */
    public boolean contains(String name) {
        return entries.containsKey(name);
    }

    /**
     * Where the tensor lies.
     *
     * @throws ModelFileException if there is none of this name
     */
    public TensorEntry entry(String name) {
        TensorEntry entry = entries.get(name);
        if (entry == null) {
            throw new ModelFileException(source + ": no tensor " + name);
        }
        return entry;
    }

    /**
     * The entry of a floating-point tensor of exactly this shape.
     *
     * @throws ModelFileException naming file, tensor, expected and found, if it is absent or otherwise shaped
     */
    public TensorEntry entry(String name, long... shape) {
        TensorEntry entry = entry(name);
        List<Long> expected = Arrays.stream(shape).boxed().toList();
        if (!entry.shape().equals(expected)) {
            throw new ModelFileException(entry.file() + ": tensor " + name + ": expected shape "
                    + TensorEntry.describe(expected) + ", found " + TensorEntry.describe(entry.shape()));
        }
        if (!entry.type().isFloatingPoint()) {
            throw new ModelFileException(
                    entry.file() + ": tensor " + name + ": expected one of F32, F16, BF16, F64, found " + entry.type());
        }
        return entry;
    }

    /**
     * Reads elements {@code from, from + 1, ...} of a floating-point tensor as float32 into {@code target} until it is
     * full; its position is left unchanged.
     *
     * @param target a buffer in native byte order, 4 bytes an element
     */
    public void read(TensorEntry entry, long from, ByteBuffer target) {
        ByteBuffer into = target.slice().order(target.order());
        int count = into.remaining() / Float.BYTES;
        if (from < 0 || from + count > entry.size()) {
            throw new IllegalArgumentException("elements " + from + " to " + (from + count) + " of " + entry.size());
        }
        if (entry.type() == ElementType.F32 && into.order() == ByteOrder.LITTLE_ENDIAN) {
            readRaw(entry, from, into);
            return;
        }
        if (!entry.type().isFloatingPoint()) {
            throw new IllegalArgumentException(entry.name() + " is " + entry.type() + ", not floating-point");
        }
        Piece.of(count).forEach(piece -> {
            ByteBuffer raw = ByteBuffer.allocate(piece.size() * entry.type().bytes());
            readRaw(entry, from + piece.begin(), raw);
            ByteBuffer part = into.slice(piece.begin() * Float.BYTES, piece.size() * Float.BYTES)
                    .order(into.order());
            Floats.convert(entry.type(), raw.flip(), part.asFloatBuffer());
        });
    }

    /**
     * As {@link #read}, of weights: no number of them may be NaN or infinite.
     *
     * @throws ModelFileException naming file, tensor and element of the first that is
     */
    public void readFinite(TensorEntry entry, long from, ByteBuffer target) {
        read(entry, from, target);
        FloatBuffer values = target.slice().order(target.order()).asFloatBuffer();
        Piece.of(values.remaining())
                .mapToInt(piece -> Floats.firstNotFinite(values, piece.begin(), piece.end()))
                .filter(i -> i >= 0)
                .min()
                .ifPresent(i -> {
                    throw new ModelFileException(entry.file() + ": tensor " + entry.name()
                            + ": every number must be finite in float32, got " + values.get(i) + " at element "
                            + (from + i) + " of " + TensorEntry.describe(entry.shape()));
                });
    }

    /**
     * As {@link #readFinite}, with every number rounded to the nearest of a type, in which it must be finite, too.
     *
     * @param type F32, BF16 or F16
     */
    public void readRounded(TensorEntry entry, long from, ByteBuffer target, ElementType type) {
        readFinite(entry, from, target);
        if (type == ElementType.F32 || type == entry.type()) {
            return;
        }
        FloatBuffer values = target.slice().order(target.order()).asFloatBuffer();
        Piece.of(values.remaining()).forEach(piece -> {
            for (int i = piece.begin(); i < piece.end(); i++) {
                float value = values.get(i);
                float rounded = type.nearest(value);
                if (!Float.isFinite(rounded)) {
                    throw new ModelFileException(
                            entry.file() + ": tensor " + entry.name() + ": every number must be finite in " + type
                                    + ", got " + value + " at element " + (from + i) + " of "
                                    + TensorEntry.describe(entry.shape()));
                }
                values.put(i, rounded);
            }
        });
    }

    /**
     * Reads bytes {@code from, from + 1, ...} of a tensor of U8 into {@code target} until it is full.
     *
     * @param target its position advances
     */
    public void readBytes(TensorEntry entry, long from, ByteBuffer target) {
        if (entry.type() != ElementType.U8 || from < 0 || from + target.remaining() > entry.size()) {
            throw new ModelFileException(entry.file() + ": tensor " + entry.name() + ": expected U8 up to byte "
                    + (from + target.remaining()) + ", found " + entry.size() + " of " + entry.type());
        }
        readRaw(entry, from, target);
    }

    private void readRaw(TensorEntry entry, long from, ByteBuffer raw) {
        FileChannel channel = channels.get(entry.file());
        try {
            Channels.readFully(
                    channel, raw, entry.offset() + from * entry.type().bytes(), entry.file());
        } catch (IOException e) {
            throw new ModelFileException(entry.file() + ": cannot read tensor " + entry.name() + ": " + e, e);
        }
    }

    /** A whole floating-point tensor as float32. */
    public float[] floats(String name) {
        TensorEntry entry = entry(name);
        ByteBuffer raw = allRaw(entry, Float.BYTES);
        read(entry, 0, raw);
        float[] values = new float[Math.toIntExact(entry.size())];
        raw.asFloatBuffer().get(values);
        return values;
    }

    /** A whole tensor of weights as float32, as {@link #readFinite}. */
    public float[] finiteFloats(String name) {
        TensorEntry entry = entry(name);
        ByteBuffer raw = allRaw(entry, Float.BYTES);
        readFinite(entry, 0, raw);
        float[] values = new float[Math.toIntExact(entry.size())];
        raw.asFloatBuffer().get(values);
        return values;
    }

    /** A whole floating-point tensor as float64; F64 data loses nothing. */
    public double[] doubles(String name) {
        TensorEntry entry = entry(name);
        if (entry.type() == ElementType.F64) {
            ByteBuffer raw = allRaw(entry, Double.BYTES);
            readRaw(entry, 0, raw.slice());
            double[] values = new double[Math.toIntExact(entry.size())];
            raw.asDoubleBuffer().get(values);
            return values;
        }
        float[] narrow = floats(name);
        double[] values = new double[narrow.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = narrow[i];
        }
        return values;
    }

    /** A whole I64 or I32 tensor. */
    public long[] longs(String name) {
        TensorEntry entry = entry(name);
        if (entry.type() != ElementType.I64 && entry.type() != ElementType.I32) {
            throw new ModelFileException(
                    entry.file() + ": tensor " + name + ": expected I64 or I32, found " + entry.type());
        }
        ByteBuffer raw = allRaw(entry, entry.type().bytes());
        readRaw(entry, 0, raw.slice());
        long[] values = new long[Math.toIntExact(entry.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = entry.type() == ElementType.I64 ? raw.getLong(i * Long.BYTES) : raw.getInt(i * Integer.BYTES);
        }
        return values;
    }

    private static ByteBuffer allRaw(TensorEntry entry, int bytes) {
        return ByteBuffer.allocate(Math.toIntExact(Math.multiplyExact(entry.size(), (long) bytes)))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public void close() {
        closeAll(channels);
    }

    private static void closeAll(Map<Path, FileChannel> channels) {
        try {
            for (FileChannel channel : channels.values()) {
                channel.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
