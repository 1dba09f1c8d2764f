package io.calibrant.trainer.safetensors;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
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

    private static final JsonMapper JSON = new JsonMapper();

    /** Reads the header of {@code file}. */
    static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
        long fileSize = channel.size();
        if (fileSize < Long.BYTES) {
            throw damaged(file, "expected at least 8 bytes, found " + fileSize);
        }
        ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        Channels.readFully(channel, length, 0, file);
        long headerBytes = length.flip().getLong();
        if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES) {
            throw damaged(file, "header length " + headerBytes + " is not that of a safetensors file");
        }
        long dataStart = Long.BYTES + headerBytes;
        if (dataStart > fileSize) {
            throw damaged(file, "truncated: header ends at byte " + dataStart + ", found " + fileSize + " bytes");
        }
        ByteBuffer header = ByteBuffer.allocate((int) headerBytes);
        Channels.readFully(channel, header, Long.BYTES, file);
        JsonNode root;
        try {
            root = JSON.readTree(new String(header.array(), StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            throw new ModelFileException(file + ": header is not JSON", e);
        }
        if (!root.isObject()) {
            throw damaged(file, "header is not a JSON object");
        }
        Map<String, TensorEntry> entries = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : root.properties()) {
            if (field.getKey().equals(METADATA)) {
                field.getValue()
                        .properties()
                        .forEach(each ->
                                metadata.put(each.getKey(), each.getValue().asText()));
            } else {
                entries.put(field.getKey(), entry(file, field.getKey(), field.getValue(), dataStart, fileSize));
            }
        }
        return new SafetensorsHeader(entries, metadata);
    }

    private static TensorEntry entry(Path file, String name, JsonNode node, long dataStart, long fileSize) {
        String typeName = node.path("dtype").asText();
        ElementType type = ElementType.named(typeName)
                .orElseThrow(() -> damaged(file, "tensor " + name + ": unknown dtype '" + typeName + "'"));
        List<Long> shape = new ArrayList<>();
        for (JsonNode dimension : node.path("shape")) {
            if (!dimension.isIntegralNumber() || dimension.asLong() < 0) {
                throw damaged(file, "tensor " + name + ": shape " + node.path("shape") + " is not a list of sizes");
            }
            shape.add(dimension.asLong());
        }
        JsonNode offsets = node.path("data_offsets");
        if (offsets.size() != 2) {
            throw damaged(file, "tensor " + name + ": no data_offsets");
        }
        long begin = offsets.get(0).asLong(-1);
        long end = offsets.get(1).asLong(-1);
        TensorEntry entry = new TensorEntry(name, type, shape, file, dataStart + begin);
        long expected;
        try {
            expected = entry.bytes();
        } catch (ArithmeticException e) {
            throw new ModelFileException(file + ": tensor " + name + ": shape " + shape + " is too large", e);
        }
        if (begin < 0 || end - begin != expected) {
            throw damaged(
                    file,
                    "tensor " + name + ": expected " + expected + " bytes for " + type + " "
                            + TensorEntry.describe(shape) + ", found data_offsets " + begin + " to " + end);
        }
        if (dataStart + end > fileSize) {
            throw damaged(
                    file,
                    "tensor " + name + ": truncated: expected data up to byte " + (dataStart + end) + ", found "
                            + fileSize + " bytes");
        }
        return entry;
    }

    private static ModelFileException damaged(Path file, String what) {
        return new ModelFileException(file + ": " + what);
    }
}
