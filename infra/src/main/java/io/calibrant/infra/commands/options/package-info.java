/**
 * Groups of flags that several commands share, where their values come from (the command line, the environment, the
 * file of {@code --command-config} or the built-in default), and how wrong usage is reported.
 *
 * <p>May depend on: {@code io.calibrant.fitter.evidence}, {@code io.calibrant.infra.telemetry},
 * {@code io.calibrant.schemas}, {@code io.calibrant.scorer.serving}, {@code io.calibrant.trainer.model},
 * {@code io.calibrant.trainer.prompts}, {@code picocli}.
 */
package io.calibrant.infra.commands.options;
