package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import java.util.function.DoubleFunction;

/** The product of a gated feed-forward network, phi(gates) ups, phi being an {@link Activation}. */
abstract sealed class Gating {

    /**
     * The product's derivatives.
     *
     * @param byUps phi(gates) [rows, F]
     * @param byGates phi'(gates) ups [rows, F]
     */
    record Slopes(NDArray byUps, NDArray byGates) {}

    /** @param constants makes arrays [1] that live as long as the model */
    static Gating of(Activation activation, DoubleFunction<NDArray> constants) {
        return switch (activation) {
            case SILU -> new Silu();
            case GELU -> new Gelu(constants);
            case GELU_TANH -> new GeluTanh(constants);
        };
    }

    /**
     * phi(gates) ups.
     *
     * @param gates [rows, F], not changed
     * @param ups [rows, F], not changed
     */
    abstract NDArray product(NDArray gates, NDArray ups, Arithmetic a);

    /** The derivatives of {@link #product}, where no graph records anything. */
    abstract Slopes slopes(NDArray gates, NDArray ups);

    private static NDArray sigmoid(NDArray x) {
        return x.getNDArrayInternal().sigmoid();
    }

    /** x sigmoid(x). */
    private static final class Silu extends Gating {
        @Override
        NDArray product(NDArray gates, NDArray ups, Arithmetic a) {
            return a.mul(a.mul(sigmoid(gates), gates), ups);
        }

        @Override
        Slopes slopes(NDArray gates, NDArray ups) {
            NDArray sigmoid = sigmoid(gates);
            NDArray silu = sigmoid.mul(gates);
            // silu' = sigmoid + silu - sigmoid silu
            return new Slopes(silu, sigmoid.add(silu).subi(sigmoid.mul(silu)).muli(ups));
        }
    }

    /** x Phi(x) with Phi(x) = (1 + erf(x / sqrt 2)) / 2. */
    private static final class Gelu extends Gating {
        private final NDArray inverseRoot;
        private final NDArray half;
        private final NDArray minusHalf;
        private final NDArray densityAtZero;

        Gelu(DoubleFunction<NDArray> constants) {
            inverseRoot = constants.apply(Math.sqrt(0.5));
            half = constants.apply(0.5);
            minusHalf = constants.apply(-0.5);
            densityAtZero = constants.apply(1 / Math.sqrt(2 * Math.PI));
        }

        @Override
        NDArray product(NDArray gates, NDArray ups, Arithmetic a) {
            return a.mul(gates.getNDArrayInternal().gelu(), ups);
        }

        @Override
        Slopes slopes(NDArray gates, NDArray ups) {
            NDArray below = gates.mul(inverseRoot).erf().addi(1).muli(half);
            NDArray density = gates.square().muli(minusHalf).exp().muli(densityAtZero);
            // gelu' = Phi + x phi
            return new Slopes(below.mul(gates), density.muli(gates).addi(below).muli(ups));
        }
    }

    /**
     * x sigmoid(u) with u = 2 sqrt(2 / pi) (x + 0.044715 x^3), which is x (1 + tanh(u / 2)) / 2 without the
     * cancellation.
     */
    private static final class GeluTanh extends Gating {
        private static final double LINEAR = 2 * Math.sqrt(2 / Math.PI);

        private final NDArray linear;
        private final NDArray cubic;
        private final NDArray threeCubic;

        GeluTanh(DoubleFunction<NDArray> constants) {
            linear = constants.apply(LINEAR);
            cubic = constants.apply(0.044715 * LINEAR);
            threeCubic = constants.apply(3 * 0.044715 * LINEAR);
        }

        @Override
        NDArray product(NDArray gates, NDArray ups, Arithmetic a) {
            NDArray u = a.mul(a.add(a.mul(gates.square(), cubic), linear), gates);
            return a.mul(a.mul(sigmoid(u), gates), ups);
        }

        @Override
        Slopes slopes(NDArray gates, NDArray ups) {
            NDArray square = gates.square();
            NDArray sigmoid = sigmoid(square.mul(cubic).addi(linear).muli(gates));
            NDArray gelu = sigmoid.mul(gates);
            // gelu' = sigmoid + gelu (1 - sigmoid) u'
            NDArray slope =
                    gelu.sub(sigmoid.mul(gelu)).muli(square.muli(threeCubic).addi(linear));
            return new Slopes(gelu, slope.addi(sigmoid).muli(ups));
        }
    }
}
