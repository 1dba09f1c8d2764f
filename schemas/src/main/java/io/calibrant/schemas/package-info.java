/**
 * The contract of the house: topic definitions (the only place a topic name is written), record keys, tensors on the
 * wire, client settings and their precedence. No mathematics, no model. The Avro records are generated from
 * {@code src/main/avro} into {@code io.calibrant.schemas.avro}.
 *
 * <p>May depend on: Avro, kafka-clients, Jackson.
 */
package io.calibrant.schemas;
