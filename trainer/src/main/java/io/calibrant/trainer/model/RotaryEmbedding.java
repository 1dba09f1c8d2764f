package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/**
 * Rotary embedding of positions: pairs (i, i + E / 2) of a head are turned by position times frequency. The tables are
 * owned by the model, their angles computed in float64. The attention scale 1 / sqrt(E) is part of the query's tables,
 * so that scaling costs nothing. The map is linear and has no weights, so it needs no tape: its backward pass turns the
 * other way round.
 */
final class RotaryEmbedding {

    private static final int FIRST_SIZE = 512;

    private final ModelConfig config;
    private final NDManager manager;
    private final DataType dataType;
    private Tables tables;

    /** cos and sin [positions, 1, E]; sin is negative in its first half, as rotate-half wants it. */
    private record Tables(int positions, NDArray cosQ, NDArray sinQ, NDArray cosK, NDArray sinK) {}

    /** The rows of the tables for one batch. */
    record Slice(NDArray cosQ, NDArray sinQ, NDArray cosK, NDArray sinK) {

        /** Rotates and scales queries [B, T, H, E]. */
        NDArray queries(NDArray q, Arithmetic arithmetic) {
            return rotate(arithmetic, q, cosQ, sinQ);
        }

        /** Rotates keys [B, T, V, E]. */
        NDArray keys(NDArray k, Arithmetic arithmetic) {
            return rotate(arithmetic, k, cosK, sinK);
        }

        /** Takes gradients by rotated queries [S B, T, H, E] to those by the queries themselves. */
        NDArray queriesBackward(NDArray gradient) {
            return rotateBack(gradient, cosQ, sinQ);
        }

        /** Takes gradients by rotated keys [S B, T, V, E] to those by the keys themselves. */
        NDArray keysBackward(NDArray gradient) {
            return rotateBack(gradient, cosK, sinK);
        }

        /** A rotation's transpose: the other way round. */
        private static NDArray rotateBack(NDArray x, NDArray cos, NDArray sin) {
            NDList halves = x.split(2, 3);
            NDArray swapped = NDArrays.concat(new NDList(halves.get(1), halves.get(0)), 3);
            return x.mul(cos).subi(swapped.muli(sin));
        }

        private static NDArray rotate(Arithmetic arithmetic, NDArray x, NDArray cos, NDArray sin) {
            NDList halves = x.split(2, 3);
            NDArray swapped = NDArrays.concat(new NDList(halves.get(1), halves.get(0)), 3);
            return arithmetic.add(x.mul(cos), arithmetic.mul(swapped, sin));
        }
    }

    RotaryEmbedding(ModelConfig config, NDManager manager, DataType dataType) {
        this.config = config;
        this.manager = manager;
        this.dataType = dataType;
    }

    /** Views of the first {@code tokens} rows, in {@code pass}. */
    Slice slice(int tokens, NDManager pass) {
        Tables t = tables(tokens);
        NDIndex rows = new NDIndex().addSliceDim(0, tokens);
        return new Slice(
                t.cosQ.get(pass, rows), t.sinQ.get(pass, rows), t.cosK.get(pass, rows), t.sinK.get(pass, rows));
    }

    private synchronized Tables tables(int tokens) {
        if (tables == null || tables.positions < tokens) {
            int positions = FIRST_SIZE;
            while (positions < tokens) {
                positions *= 2;
            }
            // Tables that are replaced stay open until the model closes: another thread may be slicing them.
            tables = make(positions);
        }
        return tables;
    }

    private Tables make(int positions) {
        int half = config.headWidth() / 2;
        double[] frequencies = config.rotary().inverseFrequencies(config.headWidth());
        double scale = 1 / Math.sqrt(config.headWidth());
        double[][] values = new double[4][positions * 2 * half];
        for (int t = 0; t < positions; t++) {
            for (int i = 0; i < half; i++) {
                double cos = Math.cos(t * frequencies[i]);
                double sin = Math.sin(t * frequencies[i]);
                int first = t * 2 * half + i;
                int second = first + half;
                values[2][first] = cos;
                values[2][second] = cos;
                values[3][first] = -sin;
                values[3][second] = sin;
                for (int j : new int[] {first, second}) {
                    values[0][j] = scale * values[2][j];
                    values[1][j] = scale * values[3][j];
                }
            }
        }
        Shape shape = new Shape(positions, 1, 2L * half);
        NDArray[] arrays = new NDArray[values.length];
        for (int i = 0; i < arrays.length; i++) {
            arrays[i] = Constants.array(manager, values[i], shape, dataType);
        }
        NDScope.unregister(arrays); // made during a pass, but they outlive its scope
        return new Tables(positions, arrays[0], arrays[1], arrays[2], arrays[3]);
    }
}
