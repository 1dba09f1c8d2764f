package io.calibrant.fitter.calibration;

/**
 * What the predictive covariance of one question needs of one block, whatever the prior precision. Arrays are not
 * copied; treat them as read-only.
 *
 * @param projections P [C - 1, r, k] row-major, the (q_j, u_i) components of the contrasts' Jacobians
 * @param rest [r, C - 1, C - 1] row-major, R_c,j . R_c',j of what is orthogonal to U; empty where nothing is (k = d)
 */
@SuppressWarnings("ArrayRecordComponent") // dense numbers, read in inner loops and never compared
public record BlockJacobian(double[] projections, double[] rest) {}
