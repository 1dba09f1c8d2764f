/**
 * What the integration tests of several modules share: one cluster for all test classes of a JVM, a broker that wants a
 * login over TLS and goes by ACLs, a broker and services as processes of their own that can be killed, the seeds of
 * fault tests, made-up statistics, and all committed records of a topic. No module depends on this one but for its
 * tests.
 *
 * <p>May depend on: {@code io.calibrant.schemas}, {@code io.calibrant.cluster}, {@code org.apache.kafka},
 * {@code org.apache.avro}, {@code org.awaitility}.
 */
package io.calibrant.testing;
