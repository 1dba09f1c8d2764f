package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * Brings tensors of a file onto the device, a piece of rows at a time: tensors may be larger than a Java buffer, and no
 * second copy of one exists. The arrays own their memory; nothing refers to a Java buffer afterwards.
 */
final class WeightLoader {

    /** Elements of the one buffer that everything passes through: 32 MiB. */
    private static final int PIECE = 1 << 23;

    /** Elements that are compared at a time. */
    private static final int COMPARED = 1 << 20;

    private final SafetensorsReader reader;
    private final NDManager manager;
    private final DataType dataType;
    private ByteBuffer buffer = ByteBuffer.allocateDirect(0);

    WeightLoader(SafetensorsReader reader, NDManager manager, DataType dataType) {
        this.reader = reader;
        this.manager = manager;
        this.dataType = dataType;
    }

    /** The file, or the index of the shards. */
    Path source() {
        return reader.source();
    }

    boolean has(String name) {
        return reader.contains(name);
    }

    /**
     * Loads a matrix, or with one dimension a vector.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException naming file, tensor, expected and found; also where a
     *     number is NaN or infinite
     */
    NDArray load(String name, long... shape) {
        TensorEntry entry = reader.entry(name, shape);
        NDArray target = manager.create(new Shape(shape), dataType);
        long rows = shape[0];
        long rowSize = shape.length == 1 ? 1 : shape[1];
        long step = Math.max(1, PIECE / rowSize);
        for (long row = 0; row < rows; row += step) {
            long count = Math.min(step, rows - row);
            ByteBuffer bytes = buffer(Math.toIntExact(count * rowSize));
            reader.readFinite(entry, row * rowSize, bytes);
            Shape part = shape.length == 1 ? new Shape(count) : new Shape(count, rowSize);
            try (NDArray piece = manager.create(bytes, part, DataType.FLOAT32)) {
                target.set(new NDIndex().addSliceDim(row, row + count), piece);
            }
        }
        return target;
    }

    /** Whether two tensors of one shape hold the same numbers, a piece at a time. */
    boolean areSame(String one, String other, long... shape) {
        TensorEntry first = reader.entry(one, shape);
        TensorEntry second = reader.entry(other, shape);
        ByteBuffer a = ByteBuffer.allocate(COMPARED * Float.BYTES).order(ByteOrder.nativeOrder());
        ByteBuffer b = ByteBuffer.allocate(COMPARED * Float.BYTES).order(ByteOrder.nativeOrder());
        for (long from = 0; from < first.size(); from += COMPARED) {
            int bytes = (int) Math.min(COMPARED, first.size() - from) * Float.BYTES;
            reader.readFinite(first, from, a.clear().limit(bytes));
            reader.readFinite(second, from, b.clear().limit(bytes));
            if (!a.equals(b)) {
                return false;
            }
        }
        return true;
    }

    private ByteBuffer buffer(int elements) {
        int bytes = elements * Float.BYTES;
        if (buffer.capacity() < bytes) {
            buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
        }
        return buffer.clear().limit(bytes);
    }
}
