/**
 * The demo: everything on one machine from fine-tuning to calibrated answers, and the generator of the tiny model and
 * the noisy questions that it uses by default. Trainer, fitter and scorer are processes of their own, started by the
 * commands that a user would type.
 *
 * <p>May depend on: {@code ai.djl}, {@code com.fasterxml.jackson}, {@code io.calibrant.cluster},
 * {@code io.calibrant.infra.evaluation}, {@code io.calibrant.infra.monitor}, {@code io.calibrant.infra.report},
 * {@code io.calibrant.schemas}, {@code io.calibrant.trainer.capture}, {@code io.calibrant.trainer.model},
 * {@code io.calibrant.trainer.prompts}, {@code io.calibrant.trainer.safetensors},
 * {@code io.calibrant.trainer.statistics}.
 */
package io.calibrant.infra.demo;
