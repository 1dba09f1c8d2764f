package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * The sums of many blocks at once: of those whose rows have one shape, as the layers of a model have them, every step
 * is one batched product and one small matrix a block that comes to the host. On a GPU that is what costs: asking for a
 * thousand small operations takes longer than doing them. What comes out is what {@link RowReduction#reduce} gives, but
 * for the rounding of the products.
 */
final class GroupedReduction {
    private final Integer rank;
    private final int powerSteps;
    private final long most;
    private final Map<Shape, List<Large>> large = new LinkedHashMap<>();
    private final Map<Shape, List<Small>> small = new LinkedHashMap<>();

    private record Large(NDArray rows, long seed, Consumer<FactorRows> taker) {}

    private record Small(NDArray rows, Consumer<double[]> taker) {}

    /**
     * Nothing to sum yet.
     *
     * @param rank k; null for no reduction
     * @param powerSteps {@link RowReduction#THOROUGH} or {@link RowReduction#QUICK}
     * @param most how many numbers of rows are copied side by side at most
     */
    GroupedReduction(Integer rank, int powerSteps, long most) {
        this.rank = rank;
        this.powerSteps = powerSteps;
        this.most = most;
    }

    /**
     * Rows of a large side.
     *
     * @param rows [m, d] float32, which must be there, and be the same, until {@link #run}
     * @param seed as that of {@link RowReduction#reduce}
     * @param taker of the reduced rows
     */
    void large(NDArray rows, long seed, Consumer<FactorRows> taker) {
        large.computeIfAbsent(rows.getShape(), shape -> new ArrayList<>()).add(new Large(rows, seed, taker));
    }

    /**
     * Rows of a small side.
     *
     * @param rows [m, r], likewise
     * @param taker of R^T R, exact, row-major [r, r]
     */
    void small(NDArray rows, Consumer<double[]> taker) {
        small.computeIfAbsent(rows.getShape(), shape -> new ArrayList<>()).add(new Small(rows, taker));
    }

    /** Does all of it. The calling thread must not record gradients. */
    void run() {
        inParts(large, (shape, part) -> {
            List<NDArray> rows = part.stream().map(Large::rows).toList();
            long[] seeds = part.stream().mapToLong(Large::seed).toArray();
            List<FactorRows> reduced = RowReduction.reduceAll(rows, rank, powerSteps, seeds);
            for (int i = 0; i < part.size(); i++) {
                part.get(i).taker().accept(reduced.get(i));
            }
        });
        inParts(small, (shape, part) -> {
            int size = Math.toIntExact(shape.get(1) * shape.get(1));
            double[] sums = squares(part.stream().map(Small::rows).toList());
            for (int i = 0; i < part.size(); i++) {
                double[] sum = new double[size];
                System.arraycopy(sums, i * size, sum, 0, size);
                part.get(i).taker().accept(sum);
            }
        });
    }

    private <T> void inParts(Map<Shape, List<T>> groups, BiConsumer<Shape, List<T>> work) {
        groups.forEach((shape, group) -> {
            int atOnce = (int) Math.max(1, Math.min(group.size(), most / Math.max(1, shape.size())));
            for (int from = 0; from < group.size(); from += atOnce) {
                try (NDScope scope = new NDScope()) {
                    scope.suppressNotUsedWarning();
                    work.accept(shape, group.subList(from, Math.min(group.size(), from + atOnce)));
                }
            }
        });
        groups.clear();
    }

    private static double[] squares(List<NDArray> rows) {
        NDArray wide = NDArrays.stack(new NDList(rows)).toType(DataType.FLOAT64, false);
        return wide.transpose(0, 2, 1).matMul(wide).toDoubleArray();
    }
}
