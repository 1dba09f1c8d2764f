/**
 * A broker and a registry for one machine: a real Kafka broker in this JVM and the real registry as a child process, on
 * loopback, their state in a directory that can be opened again. For the commands {@code up} and {@code demo}, and for
 * the integration tests of all modules.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code kafka.server}, {@code org.apache.kafka}.
 */
package io.calibrant.cluster;
