package io.calibrant.fitter.link;

import java.util.concurrent.ConcurrentHashMap;
import org.hipparchus.random.SobolSequenceGenerator;
import org.hipparchus.special.Erf;

/**
 * Standard normal points from an Owen-scrambled Sobol sequence (Owen 1995, nested uniform scrambling: a bit is flipped
 * by a coin that depends on the bits above it). Deterministic in the seed. Kept per dimension.
 */
final class SobolPoints {
    private static final int BITS = 32;

    private final int count;
    private final long seed;
    private final ConcurrentHashMap<Integer, double[][]> cache = new ConcurrentHashMap<>();

    SobolPoints(int count, long seed) {
        if (count < 1 || count > Link.MOST_POINTS) {
            throw new IllegalArgumentException("points must be 1 to " + Link.MOST_POINTS + ", got " + count);
        }
        this.count = count;
        this.seed = seed;
    }

    /**
     * The points of a dimension; the same array for every caller, to be read only.
     *
     * @return [points, dimension], standard normal
     */
    double[][] normal(int dimension) {
        return cache.computeIfAbsent(dimension, this::make);
    }

    private double[][] make(int dimension) {
        SobolSequenceGenerator sequence = new SobolSequenceGenerator(dimension);
        double[][] points = new double[count][];
        for (int i = 0; i < count; i++) {
            double[] point = sequence.nextVector();
            for (int j = 0; j < dimension; j++) {
                long bits = scramble((long) (point[j] * 0x1p32), mix(seed * 0x9E3779B97F4A7C15L + j + 1));
                // The middle of the cell: never 0 or 1.
                point[j] = Math.sqrt(2) * Erf.erfInv(2 * (bits + 0.5) * 0x1p-32 - 1);
            }
            points[i] = point;
        }
        return points;
    }

    private static long scramble(long bits, long key) {
        long scrambled = 0;
        for (int b = BITS - 1; b >= 0; b--) {
            long above = bits >>> (b + 1);
            long coin = mix(key ^ mix((above << 6) | b)) & 1;
            scrambled |= (((bits >>> b) & 1) ^ coin) << b;
        }
        return scrambled;
    }

    /** SplitMix64's finaliser. */
    private static long mix(long z) {
        long x = z + 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }
}
