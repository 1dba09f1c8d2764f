package io.calibrant.fitter.golden;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calibrant.fitter.linalg.SymmetricEigen;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The shared reference set; tests that need all of it are skipped where it is absent. */
public final class Golden {
    private static final Path DIRECTORY = Path.of("..", "..", "shared", "golden");

    private Golden() {}

    public static Safetensors tensors(String file) {
        try {
            return Safetensors.read(present(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static JsonNode json(String file) {
        try {
            return new ObjectMapper().readTree(present(file).toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path present(String file) {
        Path path = DIRECTORY.resolve(file);
        assumeTrue(Files.exists(path), () -> "skipped: no " + path + " (shared reference data)");
        return path;
    }

    /** Names of the 14 blocks, in order. */
    public static List<String> blocks() {
        List<String> names = new ArrayList<>();
        json("mcq_golden.json").path("modules").forEach(name -> names.add(name.asText()));
        return names;
    }

    /** Whether the output gradient, not the input, is the large side. */
    public static boolean gradientIsLarge(String block) {
        return block.endsWith(".lora_B");
    }

    /** The best rank-k approximation of a symmetric matrix, kept as L^T [min(k, n), n]. */
    public static double[] truncated(double[] matrix, int n, int k) {
        SymmetricEigen eigen = SymmetricEigen.of(matrix, n);
        double[] columns = new double[Math.min(k, n) * n];
        for (int i = 0; i < columns.length; i++) {
            columns[i] = eigen.vectors()[i] * Math.sqrt(Math.max(0, eigen.values()[i / n]));
        }
        return columns;
    }
}
