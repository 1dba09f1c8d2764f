/**
 * Weights in NF4, as bitsandbytes rounds them and writes them to its own checkpoints: what an adapter of QLoRA was
 * trained on. They are read to float32, in their rounded value.
 *
 * <p>A block is 64 consecutive numbers of the row-major weight, over the ends of rows, and has one scale, the largest
 * absolute value in it. With double quantisation the scales less their mean are rounded as well, to an 8-bit code, in
 * blocks of 256. See Dettmers et al., <a href="https://arxiv.org/abs/2305.14314">QLoRA</a>, section 3.
 *
 * <p>May depend on: {@code io.calibrant.trainer.safetensors}, {@code com.fasterxml.jackson.core},
 * {@code com.fasterxml.jackson.databind}.
 */
package io.calibrant.trainer.quantization;
