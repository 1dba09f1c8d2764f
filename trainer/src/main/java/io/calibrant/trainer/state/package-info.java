/**
 * The trainer's own state on disk, from which it resumes after a restart: the adapter, the optimizer's moments, the
 * step, the progress of the curvature pass, and the settings that all of it belongs to.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.trainer.curvature},
 * {@code io.calibrant.trainer.digest}, {@code io.calibrant.trainer.finetuning}, {@code io.calibrant.trainer.lora},
 * {@code io.calibrant.trainer.safetensors}, {@code io.calibrant.trainer.settings},
 * {@code io.calibrant.trainer.statistics}.
 */
package io.calibrant.trainer.state;
