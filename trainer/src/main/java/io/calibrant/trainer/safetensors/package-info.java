/**
 * Reading and writing safetensors files: an 8-byte little-endian header length, a JSON header, raw little-endian data.
 * Weights come from here and never from pickles. Reading maps the file into memory and converts to float32 or float64
 * in Java (PyTorch's bfloat16 aborts the JVM when it is touched through DJL).
 *
 * <p>May depend on: {@code io.calibrant.trainer.files}, {@code com.fasterxml.jackson.core},
 * {@code com.fasterxml.jackson.databind}.
 */
package io.calibrant.trainer.safetensors;
