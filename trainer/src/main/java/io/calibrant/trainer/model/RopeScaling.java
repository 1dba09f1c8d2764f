package io.calibrant.trainer.model;

import java.util.List;

/**
 * How rotary frequencies are stretched so that a model reads longer sequences than it was pretrained on, by the names
 * that transformers has for the ways. Some of them depend on how long a sequence is: such a length has a variant.
 */
public sealed interface RopeScaling {

    /** Not at all. */
    static RopeScaling none() {
        return new Linear(1);
    }

    /**
     * The inverse frequencies of the W / 2 turned pairs.
     *
     * @param theta base of the frequencies
     * @param width W
     * @param variant of the sequence's length
     */
    double[] inverseFrequencies(double theta, int width, int variant);

    /** Multiplies the turned numbers of queries and keys. */
    default double amplitude() {
        return 1;
    }

    /** Which of its frequencies a sequence of this length has; lengths of one variant have the same, short ones 0. */
    default int variant(int tokens) {
        return 0;
    }

    /** Up to where it stretches this many positions. */
    default int reach(int maxPositions) {
        return maxPositions;
    }

    /** theta^(-2 i / W). */
    private static double[] plain(double theta, int width) {
        double[] frequencies = new double[width / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(theta, -2.0 * i / width);
        }
        return frequencies;
    }

    private static int stretched(double factor, int positions) {
        return (int) Math.min(Integer.MAX_VALUE, Math.max(1, factor) * positions);
    }

    /**
     * "linear": all by one factor.
     *
     * @param factor divides
     */
    record Linear(double factor) implements RopeScaling {
        @Override
        public int reach(int maxPositions) {
            return stretched(factor, maxPositions);
        }

        @Override
        public double[] inverseFrequencies(double theta, int width, int variant) {
            double[] frequencies = plain(theta, width);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] /= factor;
            }
            return frequencies;
        }
    }

    /**
     * "dynamic": the base grows with a sequence that is longer than those of pretraining; its length is the variant.
     *
     * @param factor how far it may be stretched
     * @param originalMaxPositions the longest of pretraining
     */
    record Dynamic(double factor, int originalMaxPositions) implements RopeScaling {
        @Override
        public int reach(int maxPositions) {
            return stretched(factor, maxPositions);
        }

        @Override
        public double[] inverseFrequencies(double theta, int width, int variant) {
            double longer = Math.max(1, (double) variant / originalMaxPositions);
            double growth = Math.pow(factor * longer - (factor - 1), width / (width - 2.0));
            return plain(theta * growth, width);
        }

        @Override
        public int variant(int tokens) {
            return tokens > originalMaxPositions ? tokens : 0;
        }
    }

    /**
     * "llama3": wavelengths beyond {@code originalMaxPositions / lowFrequencyFactor} are stretched by {@code factor},
     * those below {@code originalMaxPositions / highFrequencyFactor} stay, between them the two are blended.
     *
     * @param factor divides the low frequencies
     * @param lowFrequencyFactor how often a low frequency turns at most within the original positions
     * @param highFrequencyFactor how often a high one does at least
     * @param originalMaxPositions the longest of pretraining
     */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions)
            implements RopeScaling {
        @Override
        public double[] inverseFrequencies(double theta, int width, int variant) {
            double[] frequencies = plain(theta, width);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] = apply(frequencies[i]);
            }
            return frequencies;
        }

        private double apply(double inverseFrequency) {
            double wavelength = 2 * Math.PI / inverseFrequency;
            // In this order, as in transformers: with the two factors exchanged, a wavelength is both long and short.
            if (wavelength > originalMaxPositions / lowFrequencyFactor) {
                return inverseFrequency / factor;
            }
            if (wavelength < originalMaxPositions / highFrequencyFactor) {
                return inverseFrequency;
            }
            double smooth = (originalMaxPositions / wavelength - lowFrequencyFactor)
                    / (highFrequencyFactor - lowFrequencyFactor);
            return (1 - smooth) * inverseFrequency / factor + smooth * inverseFrequency;
        }
    }

    /**
     * "yarn" (arXiv 2309.00071): pairs that turn more than {@code fast} times within the original positions stay, those
     * that turn less than {@code slow} times are stretched, by a ramp over the pairs between them.
     *
     * @param factor divides the low frequencies
     * @param originalMaxPositions the longest of pretraining
     * @param fast turns from which on a pair stays
     * @param slow turns up to which it is stretched
     * @param wholePairs whether the ramp begins and ends at whole pairs
     * @param amplitude multiplies the turned numbers
     */
    record Yarn(double factor, int originalMaxPositions, double fast, double slow, boolean wholePairs, double amplitude)
            implements RopeScaling {
        @Override
        public int reach(int maxPositions) {
            return Math.max(maxPositions, stretched(factor, originalMaxPositions));
        }

        @Override
        public double[] inverseFrequencies(double theta, int width, int variant) {
            double first = pair(theta, width, fast);
            double last = pair(theta, width, slow);
            if (wholePairs) {
                first = Math.floor(first);
                last = Math.ceil(last);
            }
            first = Math.max(first, 0);
            last = Math.min(last, width - 1.0);
            if (first == last) {
                last += 0.001; // a ramp has a width
            }
            double[] frequencies = plain(theta, width);
            for (int i = 0; i < frequencies.length; i++) {
                double stretched = Math.min(1, Math.max(0, (i - first) / (last - first)));
                frequencies[i] = frequencies[i] / factor * stretched + frequencies[i] * (1 - stretched);
            }
            return frequencies;
        }

        /** The pair that turns so often within the original positions; not a whole number. */
        private double pair(double theta, int width, double turns) {
            return width * Math.log(originalMaxPositions / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
        }
    }

    /**
     * "longrope" (arXiv 2402.13753): a factor of its own for every pair, one list for sequences within the original
     * positions, variant 0, and another for longer ones, variant 1.
     *
     * @param shortFactors divide the frequencies of short sequences, [W / 2]
     * @param longFactors divide those of long ones, [W / 2]
     * @param originalMaxPositions the longest of pretraining
     * @param amplitude multiplies the turned numbers
     */
    record LongRope(List<Double> shortFactors, List<Double> longFactors, int originalMaxPositions, double amplitude)
            implements RopeScaling {
        @Override
        public double[] inverseFrequencies(double theta, int width, int variant) {
            List<Double> factors = variant == 0 ? shortFactors : longFactors;
            double[] frequencies = plain(theta, width);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] /= factors.get(i);
            }
            return frequencies;
        }

        @Override
        public int variant(int tokens) {
            return tokens > originalMaxPositions ? 1 : 0;
        }
    }
}
