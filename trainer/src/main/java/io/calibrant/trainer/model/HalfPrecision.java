package io.calibrant.trainer.model;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
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
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Frozen weights of two bytes a number, and the only class that touches arrays of bfloat16. DJL cannot make one: it
 * ends the JVM. But a TorchScript archive of one line can, and on what it returns products, sums and
 * {@code toType(FLOAT32)} work. DJL calls the type of such an array unknown. Float16 it knows.
 *
 * <p>On a processor a product widens its weight, a piece at a time, which loses nothing, and forgets the copy at once;
 * where a graph is recorded, the graph keeps it until the backward pass. On a GPU a product is computed in the weight's
 * type, with x rounded to it, and widened after.
 */
public final class HalfPrecision {

    /**
     * Numbers that are widened at a time. A large copy is new memory every time, and its pages cost more than the
     * widening.
     */
    private static final long PIECE = 1 << 20;

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
        long step = Math.max(1, PIECE / weight.getShape().get(1));
        if (rows <= step) {
            return widenedLinear(x, weight, base);
        }
        NDList parts = new NDList();
        for (long row = 0; row < rows; row += step) {
            try (NDArray piece = weight.get(new NDIndex().addSliceDim(row, Math.min(rows, row + step)))) {
                parts.add(widenedLinear(x, piece, null));
            }
        }
        NDArray product = NDArrays.concat(parts, 1);
        parts.close();
        return base == null ? product : product.add(base);
    }

    private static NDArray widenedLinear(NDArray x, NDArray weight, NDArray base) {
        try (NDArray wide = weight.toType(x.getDataType(), true)) {
            return ai.djl.nn.core.Linear.linear(x, wide, base).singletonOrThrow();
        }
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
