package io.calibrant.trainer.safetensors;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.files.InputFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of one file, parsed and checked; everything that can be wrong with the file is found here, at open.
 *
 * @param entries the tensors, in the order of the header
 * @param metadata what the writer says of the file; may be empty
 */
record SafetensorsHeader(Map<String, TensorEntry> entries, Map<String, String> metadata) {

    /** The limit of the reference implementation; a larger header is a file of another kind. */
    private static final long MAX_HEADER_BYTES = 100_000_000;

    /** The one name of a header that is no tensor's: an object of strings. */
    static final String METADATA = "__metadata__";

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /** Reads the header of {@code file}. */
    static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
        long fileSize = channel.size();
        ByteBuffer head = ByteBuffer.allocate((int) Math.min(fileSize, InputFile.HEAD));
        Channels.readFully(channel, head, 0, file);
        String kind = InputFile.foreignKind(head.array())
                .map(what -> "; it is " + what)
                .orElse("");
        if (fileSize < Long.BYTES) {
            throw damaged(file, "expected at least 8 bytes, found " + fileSize + kind);
        }
        ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        Channels.readFully(channel, length, 0, file);
        long headerBytes = length.flip().getLong();
        if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES) {
            throw damaged(file, "header length " + headerBytes + " is not that of a safetensors file" + kind);
        }
        long dataStart = Long.BYTES + headerBytes;
        if (dataStart > fileSize) {
            throw damaged(file, "truncated: header ends at byte " + dataStart + ", found " + fileSize + " bytes");
        }
        ByteBuffer header = ByteBuffer.allocate((int) headerBytes);
        Channels.readFully(channel, header, Long.BYTES, file);
        JsonNode root = parsed(file, header.flip());
        if (!root.isObject()) {
            throw damaged(file, "header is not a JSON object");
        }
        Map<String, TensorEntry> entries = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : root.properties()) {
            if (field.getKey().equals(METADATA)) {
                metadata(file, field.getValue(), metadata);
            } else {
                entries.put(field.getKey(), entry(file, field.getKey(), field.getValue(), dataStart, fileSize));
            }
        }
        requireEveryByteOnce(file, entries.values(), dataStart, fileSize);
        return new SafetensorsHeader(entries, metadata);
    }

    private static JsonNode parsed(Path file, ByteBuffer header) {
        try {
            return JSON.readTree(
                    StandardCharsets.UTF_8.newDecoder().decode(header).toString());
        } catch (CharacterCodingException e) {
            throw new ModelFileException(file + ": header is not JSON: it is not UTF-8", e);
        } catch (JsonProcessingException e) {
            // a tensor that is there twice is told here, by its name
            throw new ModelFileException(file + ": header is not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static void metadata(Path file, JsonNode node, Map<String, String> into) {
        if (!node.isObject()) {
            throw damaged(file, METADATA + " must be an object of texts, got " + node);
        }
        for (Map.Entry<String, JsonNode> each : node.properties()) {
            if (!each.getValue().isTextual()) {
                throw damaged(file, METADATA + "." + each.getKey() + " must be a text, got " + each.getValue());
            }
            into.put(each.getKey(), each.getValue().textValue());
        }
    }

    /** The format has no holes, no two tensors of the same bytes, and nothing behind the last one. */
    private static void requireEveryByteOnce(
            Path file, Collection<TensorEntry> entries, long dataStart, long fileSize) {
        List<TensorEntry> inOrder = new ArrayList<>(entries);
        inOrder.sort(Comparator.comparingLong(TensorEntry::offset).thenComparingLong(TensorEntry::bytes));
        long end = dataStart;
        String before = "the header";
        for (TensorEntry entry : inOrder) {
            if (entry.offset() != end) {
                throw damaged(
                        file,
                        "tensor " + entry.name() + ": "
                                + (entry.offset() < end
                                        ? "shares bytes with " + before
                                        : (entry.offset() - end) + " bytes between it and " + before
                                                + " belong to no tensor"));
            }
            end += entry.bytes();
            before = "tensor " + entry.name();
        }
        if (end != fileSize) {
            throw damaged(file, (fileSize - end) + " bytes behind " + before + " belong to no tensor");
        }
    }

    private static TensorEntry entry(Path file, String name, JsonNode node, long dataStart, long fileSize) {
        String typeName = node.path("dtype").asText();
        ElementType type = ElementType.named(typeName)
                .orElseThrow(() -> damaged(file, "tensor " + name + ": unknown dtype '" + typeName + "'"));
        JsonNode sizes = node.path("shape");
        List<Long> shape = new ArrayList<>();
        for (JsonNode dimension : sizes) {
            if (!sizes.isArray()
                    || !dimension.isIntegralNumber()
                    || !dimension.canConvertToLong()
                    || dimension.asLong() < 0) {
                throw damaged(file, "tensor " + name + ": shape " + sizes + " is not a list of sizes");
            }
            shape.add(dimension.asLong());
        }
        if (!sizes.isArray()) {
            throw damaged(file, "tensor " + name + ": no shape");
        }
        JsonNode offsets = node.path("data_offsets");
        if (!offsets.isArray() || offsets.size() != 2 || !isOffset(offsets.get(0)) || !isOffset(offsets.get(1))) {
            throw damaged(
                    file,
                    "tensor " + name + ": "
                            + (offsets.isMissingNode()
                                    ? "no data_offsets"
                                    : "data_offsets must be two whole numbers, got " + offsets));
        }
        long begin = offsets.get(0).asLong();
        long end = offsets.get(1).asLong();
        TensorEntry entry = new TensorEntry(name, type, shape, file, dataStart + begin);
        long expected;
        try {
            expected = entry.bytes();
        } catch (ArithmeticException e) {
            throw new ModelFileException(file + ": tensor " + name + ": shape " + shape + " is too large", e);
        }
        if (begin < 0 || end < begin || end - begin != expected) {
            throw damaged(
                    file,
                    "tensor " + name + ": expected " + expected + " bytes for " + type + " "
                            + TensorEntry.describe(shape) + ", found data_offsets " + begin + " to " + end);
        }
        if (end > fileSize - dataStart) {
            throw damaged(
                    file,
                    "tensor " + name + ": truncated: expected data up to byte " + (dataStart + end) + ", found "
                            + fileSize + " bytes");
        }
        return entry;
    }

    private static boolean isOffset(JsonNode node) {
        return node.isIntegralNumber() && node.canConvertToLong();
    }

    private static ModelFileException damaged(Path file, String what) {
        return new ModelFileException(file + ": " + what);
    }
}
