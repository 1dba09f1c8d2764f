package io.calibrant.trainer.quantization;

import java.nio.ByteBuffer;

/** Where the numbers of one weight come from, a piece at a time. Safe for any number of threads. */
@FunctionalInterface
public interface WeightSource {

    /**
     * Writes elements {@code from, from + 1, ...} of the row-major weight as float32 until the target is full; its
     * position is left unchanged.
     *
     * @param target a buffer in native byte order, 4 bytes an element
     * @throws io.calibrant.trainer.safetensors.ModelFileException naming file, tensor and what is wrong
     */
    void read(long from, ByteBuffer target);
}
