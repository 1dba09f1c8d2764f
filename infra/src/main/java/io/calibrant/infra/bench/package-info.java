/**
 * Benchmarks: each prints what it measured, on what, against what. Nothing here asserts a time.
 *
 * <p>May depend on: everything.
 */
package io.calibrant.infra.bench;
