package io.calibrant.trainer.curvature;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.capture.Autograd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;

/**
 * Folds several batches into one sum before it is sent, forgetting among themselves (method.md section 3): batch i of N
 * enters with gamma^(N - 1 - i). Rows are stacked, each times the root of that, and reduced again where they are more
 * than 2k; small sides, counts, trace and log-likelihood are exact.
 */
public final class CurvatureFold {
    /** Rows are stacked up to so many times 2k before they are reduced. */
    private static final int STACKED = 4;

    /** So many rows of an input are not reduced: the fitter scores some of them before it folds them. */
    private static final int MOST_INPUTS = 128;

    private final int batches;
    private final double gamma;
    private final Integer rank;
    private final String run;
    private final NDManager manager;

    private List<LargeSum> large = List.of();
    private List<String> blocks = List.of();
    private int inputs;
    private double[][] small = {};
    private double[] n = {};
    private double examples;
    private double logLikelihood;
    private long first;
    private int folded;

    /**
     * Nothing folded yet.
     *
     * @param batches N, how many make one sum
     * @param gamma what a batch keeps of those before it, in (0, 1]
     * @param rank k; null for no reduction
     * @param run decides, with batch and block, what the reduction draws
     * @param manager where the reduction runs; not closed
     */
    public CurvatureFold(int batches, double gamma, Integer rank, String run, NDManager manager) {
        this.batches = batches;
        this.gamma = gamma;
        this.rank = rank;
        this.run = run;
        this.manager = manager;
    }

    /**
     * Adds a batch.
     *
     * @param batch its sequence number
     * @return the sum if this batch completes it
     */
    public Optional<CurvatureSum> add(long batch, BatchCurvature measured) {
        if (batches == 1) {
            first = batch;
            return Optional.of(new CurvatureSum(
                    measured.blocks(), measured.inputs(), measured.examples(), measured.logLikelihood(), 1, gamma));
        }
        List<BlockStatistics> all = measured.all();
        if (folded == 0) {
            begin(batch, all, measured.inputs().size());
        }
        IdentityHashMap<FactorRows, Boolean> seen = new IdentityHashMap<>();
        for (int i = 0; i < all.size(); i++) {
            BlockStatistics block = all.get(i);
            for (int j = 0; j < small[i].length; j++) {
                small[i][j] = gamma * small[i][j] + block.small()[j];
            }
            n[i] = gamma * n[i] + block.n();
            if (seen.put(block.rows(), true) == null) {
                large.get(i).add(block.rows());
            }
        }
        examples = gamma * examples + measured.examples();
        logLikelihood = gamma * logLikelihood + measured.logLikelihood();
        folded++;
        return folded == batches ? rest() : Optional.empty();
    }

    /** The sum of the batches that are there, if there are any; what comes next starts anew. */
    public Optional<CurvatureSum> rest() {
        if (folded == 0) {
            return Optional.empty();
        }
        IdentityHashMap<LargeSum, FactorRows> reduced = new IdentityHashMap<>();
        List<BlockStatistics> sums = new ArrayList<>();
        for (int i = 0; i < blocks.size(); i++) {
            sums.add(new BlockStatistics(
                    blocks.get(i),
                    reduced.computeIfAbsent(large.get(i), LargeSum::rows),
                    small[i],
                    (int) Math.round(Math.sqrt(small[i].length)),
                    n[i]));
        }
        int own = sums.size() - inputs;
        CurvatureSum sum = new CurvatureSum(
                sums.subList(0, own),
                sums.subList(own, sums.size()),
                examples,
                logLikelihood,
                folded,
                Math.pow(gamma, folded));
        folded = 0;
        return Optional.of(sum);
    }

    /** Whether every batch that was added has been given in a sum. */
    public boolean isEmpty() {
        return folded == 0;
    }

    /** The sequence number of the first batch of the sum that was given last, or is being made. */
    public long first() {
        return first;
    }

    /** @param ofInputs how many of all are inputs: the last ones */
    private void begin(long batch, List<BlockStatistics> all, int ofInputs) {
        first = batch;
        examples = 0;
        logLikelihood = 0;
        blocks = all.stream().map(BlockStatistics::block).toList();
        inputs = ofInputs;
        int count = blocks.size();
        small = new double[count][];
        n = new double[count];
        large = new ArrayList<>();
        IdentityHashMap<FactorRows, LargeSum> shared = new IdentityHashMap<>();
        for (int i = 0; i < count; i++) {
            BlockStatistics block = all.get(i);
            boolean input = i >= count - inputs;
            small[i] = new double[block.small().length];
            large.add(shared.computeIfAbsent(
                    block.rows(), rows -> new LargeSum(block.block(), rows.width(), input ? MOST_INPUTS : 0)));
        }
    }

    /** The rows of one large side, stacked. */
    private final class LargeSum {
        private final String name;
        private final int width;

        /** So many rows are sent as they are. */
        private final int most;

        private float[] values = {};
        private int used;
        private double trace;

        LargeSum(String name, int width, int least) {
            this.name = name;
            this.width = width;
            most = rank == null ? Integer.MAX_VALUE : Math.max(least, 2 * rank);
        }

        void add(FactorRows rows) {
            float root = (float) Math.sqrt(gamma);
            for (int i = 0; gamma < 1 && i < used; i++) {
                values[i] *= root;
            }
            int more = rows.values().length;
            if (used + more > values.length) {
                values = Arrays.copyOf(values, Math.max(used + more, 2 * used));
            }
            System.arraycopy(rows.values(), 0, values, used, more);
            used += more;
            trace = gamma * trace + rows.trace();
            if (used / width > (long) STACKED * most) {
                reduce();
            }
        }

        FactorRows rows() {
            if (used / width > most) {
                reduce();
            }
            return new FactorRows(Arrays.copyOf(values, used), used / width, width, trace);
        }

        private void reduce() {
            long seed = Seeds.of(run, first, folded, "fold", name);
            values = Autograd.unrecorded(() -> {
                try (NDManager here = manager.newSubManager()) {
                    return RowReduction.reduce(
                                    here.create(Arrays.copyOf(values, used), new Shape(used / width, width)),
                                    rank,
                                    RowReduction.THOROUGH,
                                    seed)
                            .values();
                }
            });
            used = values.length;
        }
    }
}
