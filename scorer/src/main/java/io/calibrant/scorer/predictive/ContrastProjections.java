package io.calibrant.scorer.predictive;

/**
 * What one question's predictive covariance needs of one block whatever the prior precision (method.md section 5b):
 *
 * <pre>Cov_cc' = sum_j { sum_i P_c,ij P_c',ij / (lambda + w_i s_j / n) + rest_j,cc' / (lambda + rho s_j / n) }</pre>
 *
 * Arrays are not copied; treat them as read-only.
 *
 * @param block its name
 * @param contrasts C - 1
 * @param small r
 * @param kept k
 * @param projections P [C - 1, r, k] row-major, the (q_j, u_i) components of the contrasts' Jacobians
 * @param restRows r, or 0 where nothing is orthogonal to U (k = d)
 * @param rest [restRows, C - 1, C - 1] row-major, the Gram matrices R_c,j . R_c',j of what is
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers that go on the wire, compared by nobody
public record ContrastProjections(
        String block, int contrasts, int small, int kept, float[] projections, int restRows, float[] rest) {}
