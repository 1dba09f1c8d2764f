/**
 * The trainer as a service: from a model directory and a question file to records. It reads and checks every file,
 * fine-tunes, streams the statistics of its steps, writes the adapter, measures the curvature at every checkpoint.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.trainer.capture},
 * {@code io.calibrant.trainer.curvature}, {@code io.calibrant.trainer.digest}, {@code io.calibrant.trainer.finetuning},
 * {@code io.calibrant.trainer.lora}, {@code io.calibrant.trainer.model}, {@code io.calibrant.trainer.prompts},
 * {@code io.calibrant.trainer.settings}, {@code io.calibrant.trainer.state}, {@code io.calibrant.trainer.statistics},
 * {@code ai.djl}.
 */
package io.calibrant.trainer.service;
