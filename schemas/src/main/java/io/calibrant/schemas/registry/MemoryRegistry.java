package io.calibrant.schemas.registry;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.SchemaValidationException;
import org.apache.avro.SchemaValidator;
import org.apache.avro.SchemaValidatorBuilder;

/** A registry in memory, {@code mock://name}, with the compatibility rule of the real one: FULL_TRANSITIVE. */
final class MemoryRegistry implements RegistryClient {
    private static final SchemaValidator FULL_TRANSITIVE =
            new SchemaValidatorBuilder().mutualReadStrategy().validateAll();

    private final List<Schema> schemas = new ArrayList<>();
    private final Map<String, List<Schema>> subjects = new HashMap<>();

    @Override
    public synchronized int register(String subject, Schema schema) {
        List<Schema> versions = subjects.computeIfAbsent(subject, s -> new ArrayList<>());
        if (!versions.contains(schema)) {
            try {
                FULL_TRANSITIVE.validate(schema, List.copyOf(versions));
            } catch (SchemaValidationException e) {
                throw new IncompatibleSchemaException("subject " + subject + ": schema " + schema.getFullName()
                        + " is not compatible with its earlier versions: " + e.getMessage());
            }
            versions.add(schema);
        }
        if (!schemas.contains(schema)) {
            schemas.add(schema);
        }
        return schemas.indexOf(schema) + 1;
    }

    @Override
    public synchronized int lookUp(String subject, Schema schema) {
        if (!subjects.getOrDefault(subject, List.of()).contains(schema)) {
            throw new IncompatibleSchemaException(
                    "subject " + subject + ": schema " + schema.getFullName() + " is not registered");
        }
        return schemas.indexOf(schema) + 1;
    }

    @Override
    public synchronized Schema byId(int id) {
        if (id < 1 || id > schemas.size()) {
            throw new BadRecordException("schema id " + id + " is not known to the registry");
        }
        return schemas.get(id - 1);
    }

    @Override
    public void ping() {
        // Always available.
    }
}
