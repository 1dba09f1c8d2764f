package io.calibrant.schemas.registry;

import java.util.Map;
import org.apache.avro.Schema;

/** The schema registry as serdes use it. Thread-safe; replies are cached. */
public interface RegistryClient {

    /**
     * The id of a schema under a subject; registers it if it is new.
     *
     * @throws IncompatibleSchemaException if the registry refuses the schema
     * @throws RegistryUnavailableException if the registry cannot be asked
     */
    int register(String subject, Schema schema);

    /**
     * The id of a schema that somebody else has registered under a subject.
     *
     * @throws IncompatibleSchemaException if the subject does not have it
     * @throws RegistryUnavailableException if the registry cannot be asked
     */
    int lookUp(String subject, Schema schema);

    /**
     * The schema of an id.
     *
     * @throws BadRecordException if the registry does not know the id
     * @throws RegistryUnavailableException if the registry cannot be asked
     */
    Schema byId(int id);

    /**
     * Sends a request without side effects, without retries.
     *
     * @throws RegistryUnavailableException if the reply is not a registry's
     */
    void ping();

    /**
     * The client for a configuration: {@code schema.registry.url} is one or several http(s) addresses, separated by
     * commas, or {@code mock://name} for a registry in this JVM's memory. {@code basic.auth.user.info} (user:password)
     * and {@code bearer.auth.token} are sent where given. Equal configurations share one client.
     *
     * @throws IllegalArgumentException if the address is missing or is none
     */
    static RegistryClient of(Map<String, ?> configs) {
        return RegistryClients.of(configs);
    }
}
