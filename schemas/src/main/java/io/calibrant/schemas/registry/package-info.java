/**
 * Avro values in the wire format of the schema registry: the registry's REST API, the in-memory registry of unit tests,
 * serializer, deserializer and serde.
 *
 * <p>Two kinds of failure are kept apart, because one of them must never cost a record: the registry cannot be reached
 * ({@link io.calibrant.schemas.registry.RegistryUnavailableException}, transient), and the record or schema itself is
 * bad ({@link io.calibrant.schemas.registry.BadRecordException},
 * {@link io.calibrant.schemas.registry.IncompatibleSchemaException}, permanent: dead-letter).
 *
 * <p>May depend on: {@code com.fasterxml.jackson}, {@code io.calibrant.schemas.text}, {@code org.apache.avro},
 * {@code org.apache.kafka}.
 */
package io.calibrant.schemas.registry;
