/**
 * What one batch of questions says about the curvature of every block: the Fisher's logit cotangents, the rows that
 * enter the two Kronecker sums under each K-FAC convention, and their reduction on the device to a few rows.
 *
 * <p>Letters: B batch, T tokens, N real tokens of a batch, K class tokens of the run, C choices of a question, D width
 * of a linear's input or output, r LoRA rank, m rows, d width of a block's large side, k factor rank, l = 2k.
 *
 * <p>May depend on: {@code io.calibrant.trainer.capture}, {@code io.calibrant.trainer.lora},
 * {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.prompts}, {@code ai.djl}, {@code org.ejml}.
 */
package io.calibrant.trainer.curvature;
