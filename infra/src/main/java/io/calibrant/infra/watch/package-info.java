/**
 * A run in the terminal: a table of figures and blocks that fits the screen. Pure: rendering knows no Kafka and no
 * terminal.
 *
 * <p>May depend on: {@code io.calibrant.infra.assessment}, {@code io.calibrant.infra.live},
 * {@code io.calibrant.schemas}.
 */
package io.calibrant.infra.watch;
