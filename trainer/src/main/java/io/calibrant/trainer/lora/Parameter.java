package io.calibrant.trainer.lora;

/**
 * A matrix or a vector that fine-tuning changes; see {@link Adapter#parameters()}.
 *
 * @param name path of its map and what it is there (lora_A, lora_B, lora_magnitude_vector), or that of a classifier's
 *     head
 * @param values row-major; a copy
 * @param shape as its tensor has it
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
public record Parameter(String name, float[] values, long... shape) {}
