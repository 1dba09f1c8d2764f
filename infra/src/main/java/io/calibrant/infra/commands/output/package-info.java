/**
 * The output of commands: tables and lines for people, JSON for machines, and the progress of long work. Nothing here
 * reads flags or talks to Kafka.
 *
 * <p>May depend on: {@code ch.qos.logback}, {@code com.fasterxml.jackson}, {@code io.calibrant.fitter.calibration},
 * {@code io.calibrant.fitter.metrics}, {@code io.calibrant.fitter.records}, {@code io.calibrant.fitter.selective},
 * {@code io.calibrant.fitter.settings}, {@code io.calibrant.fitter.topology}, {@code io.calibrant.infra.assessment},
 * {@code io.calibrant.infra.evaluation}, {@code io.calibrant.infra.live}, {@code io.calibrant.infra.refit},
 * {@code io.calibrant.infra.report}, {@code io.calibrant.schemas}, {@code io.calibrant.scorer.answering},
 * {@code io.calibrant.scorer.service}, {@code io.calibrant.trainer.prompts}, {@code io.calibrant.trainer.service},
 * {@code picocli}.
 */
package io.calibrant.infra.commands.output;
