/**
 * What commands print: tables and lines for people, JSON for machines, and the progress of long work. No flags, no
 * Kafka.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code com.fasterxml.jackson}, {@code picocli}.
 */
package io.calibrant.infra.commands.output;
