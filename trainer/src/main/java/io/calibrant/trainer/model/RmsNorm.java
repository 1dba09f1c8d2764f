package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;

/**
 * RMSNorm over the last dimension, of width W: n = u weight, with u = x / rms and rms = sqrt(mean(x^2) + epsilon). The
 * width is D for the norms of a layer, E for those of a head, and H E or V E for those of all heads together.
 */
final class RmsNorm {
    private final NDArray weight;
    private final NDArray epsilon;

    /**
     * @param weight [W]
     * @param epsilon [1]
     */
    RmsNorm(NDArray weight, NDArray epsilon) {
        this.weight = weight;
        this.epsilon = epsilon;
    }

    /** What the backward pass needs: u [..., W] and rms [..., 1]. */
    static final class Tape implements AutoCloseable {
        private NDArray normalised;
        private NDArray rms;

        /** Frees what was kept, if anything. */
        @Override
        public void close() {
            if (normalised != null) {
                normalised.close();
                rms.close();
            }
        }
    }

    /**
     * Normalises [..., W].
     *
     * @param tape takes what the backward pass needs; null for none
     */
    NDArray forward(NDArray x, Arithmetic a, Tape tape) {
        NDArray rms = x.square().mean(lastDimension(x), true).add(epsilon).sqrt();
        NDArray normalised = x.div(rms);
        if (tape == null) {
            return a.mul(normalised, weight);
        }
        tape.normalised = normalised;
        tape.rms = rms;
        NDScope.unregister(normalised, rms);
        return normalised.mul(weight);
    }

    /** Of a file; the weight is 1 + w where the architecture has it so. */
    static RmsNorm load(WeightLoader weights, String name, int width, ModelConfig config, NDArray epsilon) {
        NDArray weight = weights.load(name, width);
        return new RmsNorm(config.architecture().norms().aroundOne() ? weight.addi(1) : weight, epsilon);
    }

    /**
     * dL/dx = (g - u mean(g u)) / rms with g = dL/dn weight.
     *
     * @param gradient dL/dn of S cotangents [S, ..., W], overwritten by the result
     */
    NDArray backward(NDArray gradient, Tape tape) {
        return throughNormalisation(gradient.muli(weight), tape);
    }

    /** The same, and {@code gradient} is not modified. */
    NDArray backwardOfKept(NDArray gradient, Tape tape) {
        return throughNormalisation(gradient.mul(weight), tape);
    }

    /** @param g overwritten by the result */
    private static NDArray throughNormalisation(NDArray g, Tape tape) {
        NDArray along = g.mul(tape.normalised).mean(lastDimension(g), true);
        return g.subi(tape.normalised.mul(along)).divi(tape.rms);
    }

    private static int[] lastDimension(NDArray x) {
        return new int[] {x.getShape().dimension() - 1};
    }
}
