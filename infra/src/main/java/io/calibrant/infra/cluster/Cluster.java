package io.calibrant.infra.cluster;

import io.calibrant.schemas.Connection;
import java.nio.file.Path;

/** Broker and registry, both on loopback, both ready. */
public final class Cluster implements AutoCloseable {
    private final Broker broker;
    private final Registry registry;

    private Cluster(Broker broker, Registry registry) {
        this.broker = broker;
        this.registry = registry;
    }

    /**
     * Starts both and returns once both answer.
     *
     * @param dir holds their state; what is there from an earlier start is opened again
     * @param port the broker's port, 0 for a free one
     * @param registryPort the registry's port, 0 for a free one
     * @throws ClusterException if one of them does not start
     */
    public static Cluster start(Path dir, int port, int registryPort) {
        // The registry takes longer: it starts while the broker does.
        Registry registry = Registry.start(dir.resolve("registry"), registryPort);
        Broker broker = null;
        try {
            broker = Broker.start(dir.resolve("broker"), port);
            registry.awaitReady();
            return new Cluster(broker, registry);
        } catch (RuntimeException | Error e) {
            registry.close();
            if (broker != null) {
                broker.close();
            }
            throw e;
        }
    }

    /** {@code 127.0.0.1:N}. */
    public String bootstrapServers() {
        return broker.bootstrapServers();
    }

    /** {@code http://127.0.0.1:M/apis/ccompat/v7}. */
    public String schemaRegistry() {
        return registry.url();
    }

    /** A connection to both with the default settings. */
    public Connection connection() {
        return Connection.to(bootstrapServers(), schemaRegistry());
    }

    @Override
    public void close() {
        try {
            registry.close();
        } finally {
            broker.close();
        }
    }
}
