/**
 * Benchmarks: each prints what it measured, on what, and compared with what. No benchmark asserts a time.
 *
 * <p>Benchmarks measure all modules.
 *
 * <p>May depend on: {@code ai.djl}, {@code com.sun.management}, {@code io.calibrant}, {@code org.apache.kafka},
 * {@code org.bytedeco}.
 */
package io.calibrant.infra.bench;
