/**
 * What one {@code train} does, in records that cannot exist invalid.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.trainer.curvature},
 * {@code io.calibrant.trainer.lora}, {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.prompts},
 * {@code io.calibrant.trainer.statistics}.
 */
package io.calibrant.trainer.settings;
