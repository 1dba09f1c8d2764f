package io.calibrant.schemas.registry;

import java.util.IdentityHashMap;
import org.apache.avro.Schema;

/**
 * Bounds a writer's schema as Avro expands it: a record that is named twice is read twice, and a few lines of records
 * within records make more of them than memory holds, without a byte of data.
 */
final class SchemaSize {
    private static final long MOST = 100_000;

    private final IdentityHashMap<Schema, Long> sizes = new IdentityHashMap<>();

    private SchemaSize() {}

    /** @throws BadRecordException if there is more of the schema than anybody writes */
    static void check(int id, Schema schema) {
        if (new SchemaSize().of(schema) > MOST) {
            throw new BadRecordException("schema id " + id + " expands to more than " + MOST + " fields and types");
        }
    }

    private long of(Schema schema) {
        Long known = sizes.get(schema);
        if (known != null) {
            return known;
        }
        sizes.put(schema, 1L); // within itself
        long size = 1;
        switch (schema.getType()) {
            case RECORD -> {
                for (Schema.Field field : schema.getFields()) {
                    size = Math.min(MOST + 1, size + of(field.schema()));
                }
            }
            case UNION -> {
                for (Schema each : schema.getTypes()) {
                    size = Math.min(MOST + 1, size + of(each));
                }
            }
            case ARRAY -> size += of(schema.getElementType());
            case MAP -> size += of(schema.getValueType());
            default -> {
                // one
            }
        }
        sizes.put(schema, size);
        return size;
    }
}
