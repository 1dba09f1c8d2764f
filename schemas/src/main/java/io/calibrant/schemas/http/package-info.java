/**
 * What every small HTTP server of the system does before it answers: who may call it by which name, which methods there
 * are, and the headers of every response.
 *
 * <p>May depend on: {@code com.sun.net.httpserver}, {@code io.calibrant.schemas}.
 */
package io.calibrant.schemas.http;
