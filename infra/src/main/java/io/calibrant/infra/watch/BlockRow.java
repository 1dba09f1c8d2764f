package io.calibrant.infra.watch;

import java.util.ArrayList;
import java.util.List;

/**
 * A line of the table: a block, or several that stand together.
 *
 * @param blocks how many it stands for
 * @param spectrum eigenvalues w, descending; of several the sum, eigenvalue by eigenvalue
 * @param trace sum of all eigenvalues, of those that were not kept, too
 * @param capturedEnergy of a block as published; of several the mean, weighed with the traces
 * @param delta of several the largest
 * @param n of several the largest
 * @param batches of several the smallest
 */
record BlockRow(
        String name,
        int blocks,
        List<Double> spectrum,
        double trace,
        double capturedEnergy,
        double delta,
        double n,
        long batches) {

    /** Several as one. */
    static BlockRow together(String name, List<BlockRow> rows) {
        List<Double> spectrum = new ArrayList<>();
        double kept = 0;
        double trace = 0;
        double delta = 0;
        double n = 0;
        long batches = Long.MAX_VALUE;
        int blocks = 0;
        for (BlockRow row : rows) {
            for (int i = 0; i < row.spectrum.size(); i++) {
                if (i == spectrum.size()) {
                    spectrum.add(0.0);
                }
                spectrum.set(i, spectrum.get(i) + row.spectrum.get(i));
            }
            kept += row.capturedEnergy * row.trace;
            trace += row.trace;
            delta = Math.max(delta, row.delta);
            n = Math.max(n, row.n);
            batches = Math.min(batches, row.batches);
            blocks += row.blocks;
        }
        return new BlockRow(name, blocks, spectrum, trace, trace == 0 ? 1 : kept / trace, delta, n, batches);
    }
}
