package io.calibrant.fitter.golden;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads float64, float32 and int64 tensors of a small safetensors file. */
public final class Safetensors {
    private final ByteBuffer data;
    private final JsonNode header;

    private Safetensors(ByteBuffer data, JsonNode header) {
        this.data = data;
        this.header = header;
    }

    public static Safetensors read(Path file) throws IOException {
        ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int length = Math.toIntExact(all.getLong(0));
        JsonNode header = new ObjectMapper().readTree(all.array(), 8, length);
        return new Safetensors(all.position(8 + length).slice().order(ByteOrder.LITTLE_ENDIAN), header);
    }

    public boolean has(String name) {
        return header.has(name);
    }

    /** Extent of one dimension. */
    public int extent(String name, int dimension) {
        return header.path(name).path("shape").path(dimension).asInt();
    }

    /** All values of a tensor, row-major. */
    public double[] values(String name) {
        JsonNode entry = header.get(name);
        if (entry == null) {
            throw new IllegalArgumentException("no tensor " + name);
        }
        int from = entry.path("data_offsets").path(0).asInt();
        int bytes = entry.path("data_offsets").path(1).asInt() - from;
        String dtype = entry.path("dtype").asText();
        int width = "F32".equals(dtype) ? 4 : 8;
        double[] values = new double[bytes / width];
        for (int i = 0; i < values.length; i++) {
            int at = from + i * width;
            values[i] = switch (dtype) {
                case "F64" -> data.getDouble(at);
                case "F32" -> data.getFloat(at);
                case "I64" -> data.getLong(at);
                default -> throw new IllegalArgumentException(name + " has dtype " + dtype);
            };
        }
        return values;
    }
}
