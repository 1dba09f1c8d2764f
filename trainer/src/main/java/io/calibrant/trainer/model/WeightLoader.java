package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.quantization.Nf4Checkpoint;
import io.calibrant.trainer.quantization.Nf4Rounding;
import io.calibrant.trainer.quantization.WeightSource;
import io.calibrant.trainer.safetensors.ElementType;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import io.calibrant.trainer.safetensors.TensorEntry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Brings tensors of a file onto the device, a piece of rows at a time: tensors may be larger than a Java buffer, and no
 * second copy of one exists. The arrays own their memory; nothing refers to a Java buffer afterwards.
 */
final class WeightLoader {

    /** Elements of the one buffer that everything passes through: 32 MiB. */
    private static final int PIECE = 1 << 23;

    /** Elements that are compared at a time. */
    private static final int COMPARED = 1 << 20;

    /** In the names of what the layers have; what is not quantised in a file is rounded for these alone. */
    private static final String LAYERS = ".layers.";

    private final SafetensorsReader reader;
    private final SafetensorsReader replacing;
    private final ReplacedWeights replaced;
    private final NDManager manager;
    private final DataType dataType;
    private final BaseFormat format;
    private final Optional<StoredQuantization> stored;
    private ByteBuffer buffer = ByteBuffer.allocateDirect(0);

    /**
     * Loads from a model's files, or what takes their place.
     *
     * @param replacing the file that {@code replaced} names; null where that is empty
     * @param dataType of all that is loaded but the matrices where the format has another
     * @param stored what config.json says of the files
     */
    WeightLoader(
            SafetensorsReader reader,
            SafetensorsReader replacing,
            ReplacedWeights replaced,
            NDManager manager,
            DataType dataType,
            BaseFormat format,
            Optional<StoredQuantization> stored) {
        this.reader = reader;
        this.replacing = replacing;
        this.replaced = replaced;
        this.manager = manager;
        this.dataType = dataType;
        this.format = format;
        this.stored = stored;
    }

    /** What numbers matrices are held as. */
    BaseType type() {
        return format.type();
    }

    boolean has(String name) {
        return reader.contains(name);
    }

    /** Whether another weight takes the place of the model's own. */
    boolean isReplaced(String name) {
        return replaced.tensors().containsKey(name);
    }

    /**
     * Loads a matrix, or with one dimension a vector; what takes its place where something does. Matrices are in the
     * format's type, and may have only two bytes a number: {@link HalfPrecision} multiplies with them.
     *
     * @throws io.calibrant.trainer.safetensors.ModelFileException naming file, tensor, expected and found; also where a
     *     number is NaN or infinite
     */
    NDArray load(String name, long... shape) {
        return load(isReplaced(name) ? replacing(name, shape) : source(name, shape), shape);
    }

    /** As {@link #load}, whatever takes its place. */
    NDArray loadOwn(String name, long... shape) {
        return load(source(name, shape), shape);
    }

    private NDArray load(WeightSource source, long... shape) {
        NDArray target = shape.length == 1 || format.type() == BaseType.F32
                ? manager.create(new Shape(shape), dataType)
                : HalfPrecision.zeros(manager, new Shape(shape), format.type());
        long rows = shape[0];
        long rowSize = shape.length == 1 ? 1 : shape[1];
        long step = Math.max(1, PIECE / rowSize);
        for (long row = 0; row < rows; row += step) {
            long count = Math.min(step, rows - row);
            ByteBuffer bytes = buffer(Math.toIntExact(count * rowSize));
            source.read(row * rowSize, bytes);
            Shape part = shape.length == 1 ? new Shape(count) : new Shape(count, rowSize);
            try (NDArray piece = manager.create(bytes, part, DataType.FLOAT32)) {
                target.set(new NDIndex().addSliceDim(row, row + count), piece);
            }
        }
        return target;
    }

    /** Where the numbers come from that take the place of a weight's; those are in no case four bits. */
    private WeightSource replacing(String name, long... shape) {
        TensorEntry entry = replacing.entry(replaced.tensors().get(name), shape);
        ElementType type = format.type().elementType();
        return (from, target) -> replacing.readRounded(entry, from, target, type);
    }

    /** Where the numbers of a weight come from: of matrices perhaps in four bits, as a file may have the head, too. */
    private WeightSource source(String name, long... shape) {
        boolean ofLinear = shape.length == 2 && name.contains(LAYERS);
        if (shape.length == 2 && stored.isPresent() && Nf4Checkpoint.holds(reader, name)) {
            return Nf4Checkpoint.of(reader, name, shape);
        }
        TensorEntry entry = reader.entry(name, shape);
        ElementType type = format.type().elementType();
        if (ofLinear && stored.isPresent()) {
            stored.get().requireSkipped(entry);
        } else if (ofLinear && format.quantization() != BaseQuantization.NONE) {
            return Nf4Rounding.of(reader, entry, type, format.quantization() == BaseQuantization.NF4);
        }
        return (from, target) -> reader.readRounded(entry, from, target, type);
    }

    /** A constant [1] that lives as long as the weights. */
    NDArray constant(double value) {
        return Constants.scalar(manager, value, dataType);
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
