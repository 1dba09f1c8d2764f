package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Optional;

/**
 * Rotary embedding of positions: pairs (i, i + W / 2) of the first W numbers of a head are turned by position times
 * frequency; the others, if any, stay. The tables are owned by the model, their angles computed in float64. The scale
 * of the scores is part of the query's tables, so that scaling costs nothing. The map is linear and has no weights, so
 * it needs no tape: its backward pass turns the other way round.
 *
 * <p>Where frequencies depend on the length of a sequence, or queries on their position, and a batch is long enough for
 * that, every sequence of it has tables of its own, made for the pass: an answer does not depend on its neighbours.
 */
final class RotaryEmbedding {

    private static final int FIRST_SIZE = 512;

    private final Optional<RotarySettings> settings;
    private final int headWidth;
    private final double scale;
    private final NDManager manager;
    private final DataType dataType;
    private final NDArray unturnedScale;
    private Tables tables;

    /** Of the first {@code positions} positions, [positions, 1, E]. */
    private record Tables(int positions, Turned all) {}

    /** What a batch needs: how its queries and keys are turned. */
    sealed interface Slice {
        /** Rotates and scales queries [B, T, H, E], which may be overwritten. */
        NDArray queries(NDArray q, Arithmetic arithmetic);

        /** Rotates keys [B, T, V, E]; not changed. */
        NDArray keys(NDArray k, Arithmetic arithmetic);

        /** Takes gradients by rotated queries [S B, T, H, E] to those by the queries themselves. */
        NDArray queriesBackward(NDArray gradient);

        /** Takes gradients by rotated keys [S B, T, V, E] to those by the keys themselves. */
        NDArray keysBackward(NDArray gradient);

        /** Takes what a backward pass needs out of the scope that would close it. */
        void keepForBackward();
    }

    /** Positions are not looked at. */
    private record Unturned(NDArray scale) implements Slice {
        @Override
        public NDArray queries(NDArray q, Arithmetic arithmetic) {
            return arithmetic.mul(q, scale);
        }

        @Override
        public NDArray keys(NDArray k, Arithmetic arithmetic) {
            return k;
        }

        @Override
        public NDArray queriesBackward(NDArray gradient) {
            return gradient.mul(scale);
        }

        @Override
        public NDArray keysBackward(NDArray gradient) {
            return gradient;
        }

        @Override
        public void keepForBackward() {
            // the scale is the model's
        }
    }

    /**
     * cos and sin, [T, 1, E], or [B, T, 1, E] where every sequence has its own; sin is negative in its first half, as
     * rotate-half wants it. Of numbers that stay, sin is 0.
     */
    private record Turned(NDArray cosQ, NDArray sinQ, NDArray cosK, NDArray sinK, int width) implements Slice {
        @Override
        public NDArray queries(NDArray q, Arithmetic arithmetic) {
            return rotate(arithmetic, q, cosQ, sinQ);
        }

        @Override
        public NDArray keys(NDArray k, Arithmetic arithmetic) {
            return rotate(arithmetic, k, cosK, sinK);
        }

        @Override
        public NDArray queriesBackward(NDArray gradient) {
            return rotateBack(gradient, cosQ, sinQ);
        }

        @Override
        public NDArray keysBackward(NDArray gradient) {
            return rotateBack(gradient, cosK, sinK);
        }

        @Override
        public void keepForBackward() {
            NDScope.unregister(cosQ, sinQ, cosK, sinK);
        }

        /** A rotation's transpose: the other way round. */
        private NDArray rotateBack(NDArray x, NDArray cos, NDArray sin) {
            if (cos.getShape().dimension() < 4) {
                return x.mul(cos).subi(swapped(x).muli(sin));
            }
            Shape s = x.getShape();
            long b = cos.getShape().get(0);
            NDArray apart = x.reshape(s.get(0) / b, b, s.get(1), s.get(2), s.get(3));
            return apart.mul(cos).subi(swapped(apart).muli(sin)).reshape(s);
        }

        private NDArray rotate(Arithmetic arithmetic, NDArray x, NDArray cos, NDArray sin) {
            return arithmetic.add(x.mul(cos), arithmetic.mul(swapped(x), sin));
        }

        /** A copy with the halves of the first W numbers exchanged. */
        private NDArray swapped(NDArray x) {
            int last = x.getShape().dimension() - 1;
            if (x.getShape().get(last) == width) {
                NDList halves = x.split(2, last);
                return NDArrays.concat(new NDList(halves.get(1), halves.get(0)), last);
            }
            NDList parts = x.split(new long[] {width / 2, width}, last);
            return NDArrays.concat(new NDList(parts.get(1), parts.get(0), parts.get(2)), last);
        }
    }

    /**
     * @param settings empty where positions do not turn anything
     * @param headWidth E
     * @param scale multiplies queries
     */
    RotaryEmbedding(
            Optional<RotarySettings> settings, int headWidth, double scale, NDManager manager, DataType dataType) {
        this.settings = settings;
        this.headWidth = headWidth;
        this.scale = scale;
        this.manager = manager;
        this.dataType = dataType;
        unturnedScale = settings.isPresent() ? null : Constants.scalar(manager, scale, dataType);
    }

    /** What a batch needs, in {@code pass}. */
    Slice slice(TokenBatch batch, NDManager pass) {
        if (settings.isEmpty()) {
            return new Unturned(unturnedScale);
        }
        int tokens = batch.tokens();
        if (!settings.get().isSameUpTo(tokens)) {
            return forEach(batch, settings.get(), pass);
        }
        Turned t = tables(tokens).all;
        NDIndex rows = new NDIndex().addSliceDim(0, tokens);
        return new Turned(
                t.cosQ.get(pass, rows),
                t.sinQ.get(pass, rows),
                t.cosK.get(pass, rows),
                t.sinK.get(pass, rows),
                t.width);
    }

    private synchronized Tables tables(int tokens) {
        if (tables == null || tables.positions < tokens) {
            int positions = FIRST_SIZE;
            while (positions < tokens) {
                positions *= 2;
            }
            // Tables that are replaced stay open until the model closes: another thread may be slicing them.
            Angles angles = new Angles(settings.orElseThrow(), positions);
            angles.fill(0, positions, 0, 0);
            Turned all = angles.arrays(manager, new Shape(positions, 1, headWidth));
            all.keepForBackward(); // made during a pass, but they outlive its scope
            tables = new Tables(positions, all);
        }
        return tables;
    }

    /** Positions count from the first real token, and the frequencies are those of a sequence's own length. */
    private Turned forEach(TokenBatch batch, RotarySettings rotary, NDManager pass) {
        Angles angles = new Angles(rotary, batch.size() * batch.tokens());
        for (int b = 0; b < batch.size(); b++) {
            int first = batch.first(b);
            int length = batch.last(b) + 1 - first;
            angles.fill(
                    b * batch.tokens(), batch.tokens(), first, rotary.scaling().variant(length));
        }
        return angles.arrays(pass, new Shape(batch.size(), batch.tokens(), 1, headWidth));
    }

    /** cos and sin of queries and keys on the host, row by row. */
    private final class Angles {
        private final RotarySettings rotary;
        private final int width;
        private final double[] cosQ;
        private final double[] sinQ;
        private final double[] cosK;
        private final double[] sinK;

        Angles(RotarySettings rotary, int rows) {
            this.rotary = rotary;
            width = rotary.width(headWidth);
            cosQ = new double[rows * headWidth];
            sinQ = new double[cosQ.length];
            cosK = new double[cosQ.length];
            sinK = new double[cosQ.length];
            Arrays.fill(cosK, 1);
        }

        /** Consecutive rows from {@code row} on, of which the one number {@code first} is at position 0. */
        void fill(int row, int count, int first, int variant) {
            double[] frequencies = rotary.scaling().inverseFrequencies(rotary.theta(), width, variant);
            double amplitude = rotary.scaling().amplitude();
            for (int t = 0; t < count; t++) {
                int position = Math.max(0, t - first);
                int start = (row + t) * headWidth;
                for (int i = 0; i < width / 2; i++) {
                    double cos = amplitude * Math.cos(position * frequencies[i]);
                    double sin = amplitude * Math.sin(position * frequencies[i]);
                    cosK[start + i] = cos;
                    cosK[start + i + width / 2] = cos;
                    sinK[start + i] = -sin;
                    sinK[start + i + width / 2] = sin;
                }
                double query = scale * rotary.queries().map(q -> q.at(position)).orElse(1.0);
                for (int j = start; j < start + headWidth; j++) {
                    cosQ[j] = query * cosK[j];
                    sinQ[j] = query * sinK[j];
                }
            }
        }

        Turned arrays(NDManager owner, Shape shape) {
            return new Turned(
                    Constants.array(owner, cosQ, shape, dataType),
                    Constants.array(owner, sinQ, shape, dataType),
                    Constants.array(owner, cosK, shape, dataType),
                    Constants.array(owner, sinK, shape, dataType),
                    width);
        }
    }
}
