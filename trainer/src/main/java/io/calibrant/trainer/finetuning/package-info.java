/**
 * Fine-tuning of the adapter: AdamW as PyTorch has it, the linear schedule, the order of the questions, the loop.
 *
 * <p>May depend on: {@code io.calibrant.trainer.capture}, {@code io.calibrant.trainer.curvature},
 * {@code io.calibrant.trainer.lora}, {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.prompts},
 * {@code ai.djl}.
 */
package io.calibrant.trainer.finetuning;
