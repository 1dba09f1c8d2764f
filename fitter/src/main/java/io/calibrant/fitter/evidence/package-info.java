/**
 * The Gaussian posterior of the adapter weights on given factors (method.md sections 4 and 5a): evidence, its maximum
 * over the prior precision, and the eigenpairs that a predictive needs.
 *
 * <p>Legend: d, r dimensions of a block's large and small side, k eigenpairs known of the large side, w, u large
 * eigenpairs, s, q small ones, rho the residual eigenvalue of multiplicity d - k, mu an eigenvalue of F = A (x) S / n,
 * lambda prior precision, theta_0 the prior mean.
 *
 * <p>May depend on: {@code io.calibrant.fitter.linalg}.
 */
package io.calibrant.fitter.evidence;
