package io.calibrant.fitter.golden;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Reads float64, float32 and int64 tensors of a small safetensors file. */
public final class Safetensors {
    private final ByteBuffer data;
    private final JsonNode header;

    private Safetensors(ByteBuffer data, JsonNode header) {
        this.data = data;
        this.header = header;
    }

    public static Safetensors read(Path file) throws IOException {
        return of(Files.readAllBytes(file));
    }

    private static Safetensors of(byte[] file) throws IOException {
        ByteBuffer all = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int length = Math.toIntExact(all.getLong(0));
        JsonNode header = new ObjectMapper().readTree(all.array(), 8, length);
        return new Safetensors(all.position(8 + length).slice().order(ByteOrder.LITTLE_ENDIAN), header);
    }

    /** The small part of the golden predictions that is committed here, keys prefixed by file. */
    public static Safetensors extract() {
        try (InputStream in = Safetensors.class.getResourceAsStream("/golden-extract.safetensors")) {
            return of(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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

    /** A vector of int64 as ints. */
    public int[] labels(String name) {
        return Arrays.stream(values(name)).mapToInt(value -> (int) value).toArray();
    }

    /** A tensor of two dimensions. */
    public double[][] matrix(String name) {
        return rows(values(name), extent(name, 0), extent(name, 1));
    }

    /** A tensor of three dimensions. */
    public double[][][] cube(String name) {
        double[] values = values(name);
        double[][][] cube = new double[extent(name, 0)][][];
        int size = extent(name, 1) * extent(name, 2);
        for (int i = 0; i < cube.length; i++) {
            cube[i] = rows(Arrays.copyOfRange(values, i * size, (i + 1) * size), extent(name, 1), extent(name, 2));
        }
        return cube;
    }

    private static double[][] rows(double[] values, int rows, int columns) {
        double[][] matrix = new double[rows][];
        for (int i = 0; i < rows; i++) {
            matrix[i] = Arrays.copyOfRange(values, i * columns, (i + 1) * columns);
        }
        return matrix;
    }
}
