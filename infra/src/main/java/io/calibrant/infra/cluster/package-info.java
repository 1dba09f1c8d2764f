/**
 * A broker and a registry for one machine: a real Kafka broker in this JVM and the real registry as a child process, on
 * loopback, their state in a directory that can be opened again. For {@code up}, {@code demo} and tests.
 *
 * <p>May depend on: Kafka's server, the registry client of schemas.
 */
package io.calibrant.infra.cluster;
