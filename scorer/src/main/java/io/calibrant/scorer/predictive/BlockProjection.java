package io.calibrant.scorer.predictive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.trainer.model.LinearHook;
import java.util.ArrayList;
import java.util.List;

/**
 * One block's posterior on the device: turns contrast Jacobians into their part of the covariance,
 *
 * <pre>sum_j { sum_i P_c,ij P_c',ij / (lambda + w_i s_j / n)  +  R_c,j . R_c',j / (lambda + rho s_j / n) }</pre>
 *
 * P_c,ij the (q_j, u_i) component of J_c, R_c,j what is left of q_j^T J_c off U: two sums of squares, so that the
 * result is positive semi-definite by construction. ("Prior minus correction" loses all digits where the correction is
 * large.) Works in the data type it is made for; only the last, thin product is always in float64.
 */
final class BlockProjection implements AutoCloseable {
    private final NDManager manager;
    private final String block;
    private final boolean complement;
    private final double lambda;
    private final long kept;
    private final NDArray u; // [d, k]
    private final NDArray minusU; // -U as the weight of a linear map, [d, k]
    private final NDArray q;
    private final NDArray scale; // 1 / sqrt(precision) of [P, R], [r, k + d] or, where nothing is off U, [r, k]

    /**
     * Copies the eigenpairs to the device.
     *
     * @param parent whose device is used
     * @param type FLOAT32 or FLOAT64, that of the Jacobians to come
     * @param posterior k eigenpairs of the large side, r of the small one, lambda
     */
    BlockProjection(NDManager parent, DataType type, BlockPosterior posterior) {
        manager = parent.newSubManager();
        int k = posterior.kept();
        int d = posterior.dimension();
        int r = posterior.s().length;
        block = posterior.block();
        kept = k;
        complement = k < d;
        lambda = posterior.lambda();
        int width = complement ? k + d : k;
        double[] values = new double[r * width];
        for (int j = 0; j < r; j++) {
            for (int i = 0; i < width; i++) {
                double precision = i < k ? posterior.precision(i, j) : posterior.residualPrecision(j);
                values[j * width + i] = 1 / Math.sqrt(precision);
            }
        }
        u = array(posterior.u(), type, k, d).transpose();
        minusU = u.neg();
        q = array(posterior.q(), type, r, r);
        scale = array(values, DataType.FLOAT64, r, width);
    }

    /**
     * Adds the block's part of both Gram matrices.
     *
     * @param jacobian J [B, contrasts, r, d], small side first whatever the layout of the weight; not modified
     * @param grams what is added to
     */
    void add(NDArray jacobian, ContrastGrams grams) {
        long questions = jacobian.getShape().get(0);
        long contrasts = jacobian.getShape().get(1);
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray wide = components(jacobian).toType(DataType.FLOAT64, false); // [B S, r, k + d]
            NDArray both = NDArrays.concat(
                    new NDList(
                            wide.reshape(questions, contrasts, -1),
                            wide.mul(scale).reshape(questions, contrasts, -1)),
                    1);
            // [B, 2 S, 2 S]: the prior's Gram matrix (times lambda), the posterior's, and what is between them
            double[] products = both.batchMatMul(both.transpose(0, 2, 1)).toDoubleArray();
            grams.add(products, lambda);
        }
    }

    /** q_j^T J_c by its components along U and what is left of it: [P, R], [B S, r, k + d] (without R where k = d). */
    private NDArray components(NDArray jacobian) {
        Shape shape = jacobian.getShape();
        long d = shape.get(3);
        NDArray rows = q.matMul(jacobian).reshape(-1, d); // [B S r, d]
        NDArray all = rows;
        if (kept > 0) {
            NDArray p = rows.matMul(u);
            all = complement ? NDArrays.concat(new NDList(p, LinearHook.linear(p, minusU, rows)), 1) : p;
        }
        return all.reshape(
                shape.get(0) * shape.get(1), shape.get(2), all.getShape().get(1));
    }

    /**
     * What the covariance of the questions depends on whatever lambda is, unscaled and in float32: P_c,ij, and the Gram
     * matrices over c of R_c,j for each j.
     *
     * @param jacobian as for {@link #add}; not modified
     * @param contrasts C - 1 of each question; what comes after its own is left out
     * @return of every question
     */
    List<ContrastProjections> measure(NDArray jacobian, int... contrasts) {
        int most = (int) jacobian.getShape().get(1);
        int r = (int) q.getShape().get(0);
        int k = (int) kept;
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray all = components(jacobian);
            all = all.reshape(contrasts.length, most, r, all.getShape().get(2)).toType(DataType.FLOAT64, false);
            double[] kept =
                    k == 0 ? new double[0] : all.get(new NDIndex("..., :" + k)).toDoubleArray();
            NDArray rest = complement || k == 0 ? all.get(new NDIndex("..., " + k + ":")) : null;
            double[] grams = new double[0];
            if (rest != null) {
                NDArray byRow = rest.transpose(0, 2, 1, 3); // [B, r, most, d]
                grams = byRow.matMul(byRow.transpose(0, 1, 3, 2)).toDoubleArray();
            }
            List<ContrastProjections> result = new ArrayList<>();
            for (int b = 0; b < contrasts.length; b++) {
                int own = contrasts[b];
                float[] p = new float[own * r * k];
                for (int i = 0; i < p.length; i++) {
                    p[i] = (float) kept[b * most * r * k + i];
                }
                int left = rest == null ? 0 : r;
                float[] g = new float[left * own * own];
                for (int i = 0; i < g.length; i++) {
                    int j = i / (own * own);
                    int c = i / own % own;
                    g[i] = (float) grams[((b * left + j) * most + c) * most + i % own];
                }
                result.add(new ContrastProjections(block, own, r, k, p, left, g));
            }
            return result;
        }
    }

    private NDArray array(double[] values, DataType type, long rows, long columns) {
        Shape shape = new Shape(rows, columns);
        if (values.length == 0) {
            return manager.zeros(shape, type);
        }
        if (type == DataType.FLOAT64) {
            return manager.create(values, shape);
        }
        float[] narrow = new float[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) values[i];
        }
        return manager.create(narrow, shape);
    }

    @Override
    public void close() {
        manager.close();
    }
}
