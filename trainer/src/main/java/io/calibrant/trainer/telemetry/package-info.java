/**
 * The meters of a trainer: its phase and how far it is, the loss, and what waits to be sent.
 *
 * <p>May depend on: {@code io.calibrant.trainer.service}, {@code io.calibrant.trainer.statistics},
 * {@code io.micrometer.core}, {@code org.apache.kafka.clients}.
 */
package io.calibrant.trainer.telemetry;
