/**
 * A web page that shows runs, factors, answers and dead letters: a small HTTP server on loopback that shows what is on
 * the topics and stores nothing. Every open page is sent the sections that it shows whenever they change.
 *
 * <p>May depend on: {@code com.fasterxml.jackson}, {@code com.sun.net.httpserver},
 * {@code io.calibrant.infra.assessment}, {@code io.calibrant.infra.live}, {@code io.calibrant.schemas},
 * {@code org.apache.avro.specific}, {@code org.apache.kafka}.
 */
package io.calibrant.infra.monitor;
