/**
 * The topics as a user sees them: questions and labels in, whose ids are free, and the removal of a fit. For the
 * commands, the demo and tests.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.trainer.prompts},
 * {@code org.apache.avro.specific}, {@code org.apache.kafka}.
 */
package io.calibrant.infra.topics;
