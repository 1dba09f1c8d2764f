/**
 * The contract between the programs: topic definitions (the only place where a topic name is written), record keys,
 * tensors in records, client settings and their precedence, and the checks of settings. No mathematics and no model.
 *
 * <p>The Avro records are generated from {@code src/main/avro} into {@code io.calibrant.schemas.avro}.
 *
 * <p>May depend on: {@code io.calibrant.schemas.avro}, {@code io.calibrant.schemas.registry},
 * {@code io.calibrant.schemas.text}, {@code org.apache.avro}, {@code org.apache.kafka}.
 */
package io.calibrant.schemas;
