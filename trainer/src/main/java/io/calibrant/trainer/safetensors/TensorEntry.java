package io.calibrant.trainer.safetensors;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Where one tensor lies.
 *
 * @param name the tensor's name in the header
 * @param type its element type
 * @param shape its dimensions, row-major; empty for a scalar
 * @param file the file that holds it
 * @param offset its first byte, counted from the start of the file
 */
public record TensorEntry(String name, ElementType type, List<Long> shape, Path file, long offset) {

    /** Copies the shape. */
    public TensorEntry {
        shape = List.copyOf(shape);
    }

    /** Number of elements. */
    public long size() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** Number of bytes. */
    public long bytes() {
        return Math.multiplyExact(size(), (long) type.bytes());
    }

    /** The shape as users write it: {@code 512x64}. */
    public static String describe(List<Long> shape) {
        return shape.isEmpty() ? "scalar" : shape.stream().map(String::valueOf).collect(Collectors.joining("x"));
    }
}
