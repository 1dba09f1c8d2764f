package io.calibrant.scorer.predictive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.fitter.posterior.BlockPosterior;
import java.util.ArrayList;
import java.util.List;

/**
 * One block's posterior on the device: turns contrast Jacobians into their part of the covariance,
 *
 * <pre>sum_j { sum_i P_c,ij P_c',ij / (lambda + w_i s_j / n)  +  R_c,j . R_c',j / (lambda + rho s_j / n) }</pre>
 *
 * P_c,ij the (q_j, u_i) component of J_c, R_c,j what is left of q_j^T J_c off U: two sums of squares, so that the result is
 * positive semi-definite by construction. ("Prior minus correction" loses all digits where the correction is large.) Works
 * in the data type it is made for; only the last, thin product is always in float64.
 */
final class BlockProjection implements AutoCloseable {
    private final NDManager manager;
    private final String block;
    private final boolean complement;
    private final double lambda;
    private final NDArray u;
    private final NDArray q;
    private final NDArray keptScale;
    private final NDArray restScale;

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
        complement = k < d;
        lambda = posterior.lambda();
        double[] kept = new double[r * k];
        double[] rest = new double[r];
        for (int j = 0; j < r; j++) {
            for (int i = 0; i < k; i++) {
                kept[j * k + i] = 1 / Math.sqrt(posterior.precision(i, j));
            }
            rest[j] = 1 / Math.sqrt(posterior.residualPrecision(j));
        }
        u = array(posterior.u(), type, k, d);
        q = array(posterior.q(), type, r, r);
        keptScale = array(kept, type, r, k);
        restScale = array(rest, type, r, 1);
    }

    String block() {
        return block;
    }

    /** [r, d] of the Jacobians that fit. */
    Shape shape() {
        return new Shape(q.getShape().get(0), u.getShape().get(1));
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
            NDArray rows = q.matMul(jacobian);
            NDArray posterior;
            NDArray prior;
            if (u.getShape().get(0) == 0) {
                posterior = gram(rows.mul(restScale), questions, contrasts);
                prior = gram(rows, questions, contrasts);
            } else {
                NDArray p = rows.matMul(u.transpose());
                posterior = gram(p.mul(keptScale), questions, contrasts);
                prior = gram(p, questions, contrasts);
                if (complement) {
                    NDArray rest = rows.sub(p.matMul(u));
                    posterior = posterior.add(gram(rest.mul(restScale), questions, contrasts));
                    prior = prior.add(gram(rest, questions, contrasts));
                }
            }
            double[] priorGram = prior.toDoubleArray();
            for (int i = 0; i < priorGram.length; i++) {
                priorGram[i] /= lambda;
            }
            grams.add(posterior.toDoubleArray(), priorGram);
        }
    }

    /**
     * What the covariance of the questions depends on whatever lambda is, unscaled and in float32: P_c,ij, and the Gram
     * matrices over c of R_c,j for each j.
     *
     * @param jacobian as for {@link #add}; not modified
     * @param contrasts C - 1 of each question; what comes after its own is left out
     * @return of every question
     */
    List<BlockProjections> measure(NDArray jacobian, int... contrasts) {
        int most = (int) jacobian.getShape().get(1);
        int r = (int) q.getShape().get(0);
        int k = (int) u.getShape().get(0);
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray rows = q.matMul(jacobian); // [B, most, r, d]
            double[] kept = new double[0];
            NDArray rest = rows;
            if (k > 0) {
                NDArray p = rows.matMul(u.transpose());
                kept = p.toType(DataType.FLOAT64, false).toDoubleArray();
                rest = complement ? rows.sub(p.matMul(u)) : null;
            }
            double[] grams = new double[0];
            if (rest != null) {
                NDArray byRow = rest.transpose(0, 2, 1, 3).toType(DataType.FLOAT64, false); // [B, r, most, d]
                grams = byRow.matMul(byRow.transpose(0, 1, 3, 2)).toDoubleArray();
            }
            List<BlockProjections> result = new ArrayList<>();
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
                result.add(new BlockProjections(block, own, r, k, p, left, g));
            }
            return result;
        }
    }

    private static NDArray gram(NDArray x, long questions, long contrasts) {
        NDArray wide = x.reshape(questions, contrasts, -1).toType(DataType.FLOAT64, false);
        return wide.matMul(wide.transpose(0, 2, 1));
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
