/**
 * A run in the terminal: a table of figures and blocks that fits the screen. Pure: rendering knows no Kafka and no
 * terminal.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.infra.live}.
 */
package io.calibrant.infra.watch;
