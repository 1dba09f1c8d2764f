package io.calibrant.trainer.model;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Frozen weights of two bytes a number, and the only class that touches arrays of bfloat16. DJL cannot make one: it
 * ends the JVM. But a TorchScript archive of one line can, and on what it returns products, sums and
 * {@code toType(FLOAT32)} work. DJL calls the type of such an array unknown. Float16 it knows.
 *
 * <p>On a processor a product widens its weight, a piece at a time, which loses nothing, into memory that the next one
 * uses again; where a graph is recorded, the graph keeps the widened weight until the backward pass. On a GPU a product
 * is computed in the weight's type, with x rounded to it, and widened after.
 */
public final class HalfPrecision {

    /** Numbers that are widened at a time for a graph: of larger copies the pages cost more than the widening. */
    private static final long KEPT = 1 << 20;

    /** Numbers that are widened at a time else, 16 MB: in smaller pieces products are slower. */
    private static final long PIECE = 1 << 22;

    /** Memory for pieces, for as many products as were ever going on at once. */
    private static final Queue<NDArray> FREE = new ConcurrentLinkedQueue<>();

    private HalfPrecision() {}

    /** Whether an array has two bytes a number. */
    public static boolean isHalf(NDArray array) {
        DataType type = array.getDataType();
        return type == DataType.FLOAT16 || type == DataType.UNKNOWN;
    }

    /** The array if it is not of two bytes, else a copy in {@code wide}, FLOAT32 or FLOAT64, with the same numbers. */
    public static NDArray widened(NDArray array, DataType wide) {
        return isHalf(array) ? array.toType(wide, true) : array;
    }

    /** A matrix of zeros in a type of two bytes, whose numbers are to be set. */
    static NDArray zeros(NDManager manager, Shape shape, BaseType type) {
        if (type == BaseType.F16) {
            return manager.zeros(shape, DataType.FLOAT16);
        }
        try (NDArray zero = manager.zeros(new Shape(1, 1));
                NDArray narrow = ToBf16.CAST.of(zero)) {
            return narrow.tile(shape.getShape());
        }
    }

    /** {@link LinearHook#linear} with a weight of two bytes. */
    static NDArray linear(NDArray x, NDArray weight, NDArray base) {
        if (weight.getDevice().isGpu()) {
            return inHalf(x, weight, base);
        }
        long rows = weight.getShape().get(0);
        long step = Math.max(1, KEPT / weight.getShape().get(1));
        if (rows <= step) {
            return widenedLinear(x, weight, base);
        }
        NDArray product = joined(rows, step, (from, to) -> {
            try (NDArray piece = weight.get(rows(from, to))) {
                return widenedLinear(x, piece, null);
            }
        });
        return base == null ? product : product.add(base);
    }

    private static NDArray widenedLinear(NDArray x, NDArray weight, NDArray base) {
        try (NDArray wide = weight.toType(x.getDataType(), true)) {
            return ai.djl.nn.core.Linear.linear(x, wide, base).singletonOrThrow();
        }
    }

    /** {@link LinearHook#unrecorded} with a weight of two bytes. */
    static NDArray unrecorded(NDArray x, NDArray weight, NDArray base) {
        if (weight.getDevice().isGpu()) {
            return inHalf(x, weight, base);
        }
        long rows = weight.getShape().get(0);
        long step = Math.max(1, PIECE / weight.getShape().get(1));
        return joined(
                rows,
                step,
                (from, to) -> withWide(weight.get(rows(from, to)), wide -> {
                    try (NDArray added = base == null ? null : base.get(columns(from, to))) {
                        return ai.djl.nn.core.Linear.linear(x, wide, added).singletonOrThrow();
                    }
                }));
    }

    /** {@link LinearHook#back} with a weight of two bytes. */
    static NDArray back(NDArray gradient, NDArray weight, NDArray base) {
        if (weight.getDevice().isGpu()) {
            return inHalf(gradient, weight.transpose(), base);
        }
        long columns = weight.getShape().get(1);
        long step = Math.max(1, PIECE / weight.getShape().get(0));
        return joined(
                columns,
                step,
                (from, to) -> withWide(weight.get(columns(from, to)), wide -> {
                    try (NDArray turned = wide.transpose();
                            NDArray added = base == null ? null : base.get(columns(from, to))) {
                        return ai.djl.nn.core.Linear.linear(gradient, turned, added)
                                .singletonOrThrow();
                    }
                }));
    }

    private static NDIndex rows(long from, long to) {
        return new NDIndex().addSliceDim(from, to);
    }

    private static NDIndex columns(long from, long to) {
        return new NDIndex().addEllipseDim().addSliceDim(from, to);
    }

    /** A part of a product. */
    @FunctionalInterface
    private interface Columns {
        NDArray of(long from, long to);
    }

    /** A product [rows, width], so many of its columns at a time. */
    private static NDArray joined(long width, long step, Columns product) {
        if (width <= step) {
            return product.of(0, width);
        }
        NDList parts = new NDList();
        for (long from = 0; from < width; from += step) {
            parts.add(product.of(from, Math.min(width, from + step)));
        }
        NDArray all = NDArrays.concat(parts, 1);
        parts.close();
        return all;
    }

    /**
     * What is made of a weight in float32. New memory would cost three times as much as the widening, for its pages.
     *
     * @param piece of a weight, at most {@link #PIECE} numbers; closed
     * @param product must not keep what it is handed, nor a graph that does
     */
    private static NDArray withWide(NDArray piece, UnaryOperator<NDArray> product) {
        NDArray free = FREE.poll();
        NDArray memory = free == null ? memory() : free;
        try (piece;
                NDArray part = memory.get(rows(0, piece.size()));
                NDArray wide = part.reshape(piece.getShape())) {
            wide.set(rows(0, piece.getShape().get(0)), piece);
            return product.apply(wide);
        } finally {
            FREE.add(memory);
        }
    }

    /** Stays until the JVM ends. */
    private static NDArray memory() {
        NDArray memory = NDManager.newBaseManager(Device.cpu(), "PyTorch").create(new Shape(PIECE), DataType.FLOAT32);
        NDScope.unregister(memory);
        return memory;
    }

    /** The product in the weight's type; sums within it are in float32, and so is what is added to it. */
    static NDArray inHalf(NDArray x, NDArray weight, NDArray base) {
        Cast narrow = weight.getDataType() == DataType.FLOAT16 ? ToF16.CAST : ToBf16.CAST;
        NDArray product =
                ai.djl.nn.core.Linear.linear(narrow.of(x), weight, null).singletonOrThrow();
        return product.add(base == null ? x.getManager().zeros(new Shape(1), x.getDataType()) : base);
    }

    /** Loaded where it is first needed. */
    private static final class ToBf16 {
        static final Cast CAST = new Cast(15);
    }

    /** Loaded where it is first needed. */
    private static final class ToF16 {
        static final Cast CAST = new Cast(5);
    }

    /** A conversion to a type of two bytes, which a graph records. */
    private static final class Cast {
        private final Model model;

        /** @param scalarType PyTorch's number for the type */
        Cast(int scalarType) {
            model = Model.newInstance("cast", Device.cpu(), "PyTorch");
            try {
                model.load(new ByteArrayInputStream(archive(scalarType)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (MalformedModelException e) {
                throw new IllegalStateException(e);
            }
        }

        NDArray of(NDArray array) {
            Block block = model.getBlock();
            // In inference mode DJL would switch the recording of a graph off; this thread's own mode decides.
            return block.forward(new ParameterStore(array.getManager(), false), new NDList(array), true)
                    .singletonOrThrow();
        }

        /** A module without weights, as {@code torch.jit.save} writes it. */
        private static byte[] archive(int scalarType) throws IOException {
            String code = """
                    class Cast(Module):
                      __parameters__ = []
                      __buffers__ = []
                      training : bool
                      def forward(self: __torch__.Cast,
                        x: Tensor) -> Tensor:
                        return torch.to(x, %d)
                    """.formatted(scalarType);
            // A pickle of protocol 2: an object of __torch__.Cast whose attribute training is False.
            String object = "\u0080\u0002c__torch__\nCast\n)\u0081}(X\b\0\0\0training\u0089ub.";
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
                store(zip, "cast/data.pkl", object.getBytes(StandardCharsets.ISO_8859_1));
                store(zip, "cast/code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
                store(zip, "cast/constants.pkl", "\u0080\u0002).".getBytes(StandardCharsets.ISO_8859_1));
                store(zip, "cast/version", "3\n".getBytes(StandardCharsets.UTF_8));
            }
            return bytes.toByteArray();
        }

        /** Adds a file uncompressed. */
        private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
            CRC32 sum = new CRC32();
            sum.update(content);
            ZipEntry entry = new ZipEntry(name);
            entry.setMethod(ZipEntry.STORED);
            entry.setSize(content.length);
            entry.setCrc(sum.getValue());
            zip.putNextEntry(entry);
            zip.write(content);
        }
    }
}
