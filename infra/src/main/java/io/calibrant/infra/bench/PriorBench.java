package io.calibrant.infra.bench;

import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.Spectrum;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** What the choice of the prior precision costs after a fold: 260 blocks at rank 10. */
final class PriorBench {
    private static final int BLOCKS = 260;
    private static final int DIMENSION = 4096;
    private static final int RANK = 10;
    private static final int SMALL = 8;

    /** Repetitions before the measurement, for the just-in-time compiler. */
    private static final int REPETITIONS = 200;

    private PriorBench() {}

    /** Measures and gives each figure to the consumer. */
    static void run(Consumer<Figure> figures) {
        List<Spectrum> large = new ArrayList<>();
        List<double[]> small = new ArrayList<>();
        Random random = new Random(0);
        for (int block = 0; block < BLOCKS; block++) {
            double[] w = falling(random, RANK, 1e4);
            large.add(new Spectrum(w, DIMENSION, 1.3 * Arrays.stream(w).sum()));
            small.add(falling(random, SMALL, 1));
        }
        double[] sink = {0};
        double seconds = Timing.seconds(REPETITIONS, () -> sink[0] += reoptimise(large, small));
        if (!(sink[0] > 0)) {
            throw new IllegalStateException("no prior precision was found");
        }
        figures.accept(Figure.absolute("fitter.reoptimise.ms", 1e3 * seconds, "ms"));
    }

    /** From the spectra of all blocks to lambda, log evidence and effective parameters, as after every fold. */
    private static double reoptimise(List<Spectrum> large, List<double[]> small) {
        List<BlockSpectrum> blocks = new ArrayList<>();
        for (int i = 0; i < large.size(); i++) {
            blocks.add(BlockSpectrum.of("block " + i, large.get(i), true, small.get(i), 1e5, 0.5));
        }
        return new Evidence(blocks, -1000).maximise(PriorStructure.SCALAR).lambdas()[0];
    }

    private static double[] falling(Random random, int count, double first) {
        double[] values = new double[count];
        double next = first;
        for (int i = 0; i < count; i++) {
            values[i] = next;
            next *= 0.2 + 0.7 * random.nextDouble();
        }
        return values;
    }
}
