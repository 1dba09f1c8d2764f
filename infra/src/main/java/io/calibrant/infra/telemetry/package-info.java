/**
 * What a service tells those who watch over it: a small HTTP server with its meters in Prometheus' format, whether it
 * lives and whether it does its work. Nothing of it is there unless it is asked for.
 *
 * <p>May depend on: {@code com.sun.net.httpserver}, {@code io.calibrant.schemas}, {@code io.micrometer.core},
 * {@code io.micrometer.prometheusmetrics}.
 */
package io.calibrant.infra.telemetry;
