/**
 * SHA-256 digests of what a run is made from: its model's files, its questions, its adapter, its state.
 *
 * <p>May depend on: nothing but the JDK.
 */
package io.calibrant.trainer.digest;
