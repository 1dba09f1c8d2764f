package io.calibrant.scorer;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Reference values in float64, from the shared golden set where it lies beside the project. */
public final class Golden {
    private static final Path SHARED = Path.of("../../shared/golden");
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JsonNode header;
    private final ByteBuffer data;

    private Golden(byte[] file) {
        try {
            ByteBuffer all = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
            int length = (int) all.getLong();
            header = JSON.readTree(new String(file, 8, length, StandardCharsets.UTF_8));
            data = all.position(8 + length).slice().order(ByteOrder.LITTLE_ENDIAN);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A file of the shared golden set by its name without suffix; the test is skipped where there is none. */
    public static Golden shared(String name) {
        try {
            return new Golden(Files.readAllBytes(file(name + ".safetensors")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A JSON file of the shared golden set; the test is skipped where there is none. */
    public static JsonNode json(String name) {
        try {
            return JSON.readTree(file(name + ".json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A file or directory of the shared golden set; the test is skipped where there is none. */
    public static Path file(String name) {
        Path file = SHARED.resolve(name);
        assumeTrue(Files.exists(file), () -> "skipped: the shared golden set is not there: " + file);
        return file;
    }

    public int[] shape(String key) {
        JsonNode shape = node(key).get("shape");
        int[] extents = new int[shape.size()];
        for (int i = 0; i < extents.length; i++) {
            extents[i] = shape.get(i).asInt();
        }
        return extents;
    }

    public double[] vector(String key) {
        JsonNode node = node(key);
        int from = node.get("data_offsets").get(0).asInt();
        int bytes = node.get("data_offsets").get(1).asInt() - from;
        ByteBuffer slice = data.slice(from, bytes).order(ByteOrder.LITTLE_ENDIAN);
        double[] values = new double[bytes / 8];
        boolean integer = "I64".equals(node.get("dtype").asText());
        for (int i = 0; i < values.length; i++) {
            values[i] = integer ? slice.getLong() : slice.getDouble();
        }
        return values;
    }

    public int[] labels(String key) {
        return Arrays.stream(vector(key)).mapToInt(value -> (int) value).toArray();
    }

    public double[][] matrix(String key) {
        int[] shape = shape(key);
        return rows(vector(key), shape[0], shape[1]);
    }

    public double[][][] cube(String key) {
        int[] shape = shape(key);
        double[] values = vector(key);
        double[][][] cube = new double[shape[0]][][];
        int size = shape[1] * shape[2];
        for (int i = 0; i < cube.length; i++) {
            cube[i] = rows(Arrays.copyOfRange(values, i * size, (i + 1) * size), shape[1], shape[2]);
        }
        return cube;
    }

    private JsonNode node(String key) {
        JsonNode node = header.get(key);
        if (node == null) {
            throw new IllegalArgumentException("no tensor " + key);
        }
        return node;
    }

    private static double[][] rows(double[] values, int rows, int columns) {
        double[][] matrix = new double[rows][];
        for (int i = 0; i < rows; i++) {
            matrix[i] = Arrays.copyOfRange(values, i * columns, (i + 1) * columns);
        }
        return matrix;
    }
}
