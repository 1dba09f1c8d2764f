/**
 * The topics as a user sees them: questions and labels in, answers and posteriors out, whole topics read from the
 * outside. For the commands, the demo and tests.
 *
 * <p>May depend on: schemas, kafka-clients, the question file of the trainer.
 */
package io.calibrant.infra.topics;
