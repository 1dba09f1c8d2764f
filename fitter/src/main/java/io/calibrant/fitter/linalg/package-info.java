/**
 * The compressed Kronecker factors of one block (method.md section 3): fold a batch in, read the spectrum. Everything
 * is double precision, pure and deterministic: the same numbers in the same order give the same bits. EJML solves the
 * symmetric eigenproblems; no Kafka, no Avro.
 *
 * <p>Legend: d dimension of the large side, r of the small side, K (in code k) columns kept, m rows of a batch, p = k +
 * m. Matrices are row-major. L is held transposed, as k rows of d, so that every inner loop runs along a row.
 *
 * <p>May depend on: {@code org.ejml}, {@code jdk.incubator.vector}.
 */
package io.calibrant.fitter.linalg;
