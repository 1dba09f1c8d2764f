package io.calibrant.cluster;

import io.calibrant.schemas.Connection;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Broker and registry, both on loopback. {@link #start()} returns once both answer; {@link #close} may be called from
 * any thread and at any time, while they start too.
 */
public final class Cluster implements AutoCloseable {
    private static final Duration START_GRACE = Duration.ofSeconds(15);

    private final Path dir;
    private final int port;
    private final int registryPort;
    private final List<Runnable> ends = new ArrayList<>();
    private boolean starting;
    private boolean closed;
    private Broker broker;
    private Registry registry;

    private Cluster(Path dir, int port, int registryPort) {
        this.dir = dir;
        this.port = port;
        this.registryPort = registryPort;
    }

    /**
     * A cluster that is not started.
     *
     * @param dir holds its state; what is there from an earlier start is opened again
     * @param port the broker's port, 0 for a free one
     * @param registryPort the registry's port, 0 for a free one
     */
    public static Cluster in(Path dir, int port, int registryPort) {
        return new Cluster(dir, port, registryPort);
    }

    /** A cluster that is started; see {@link #in} and {@link #start()}. */
    public static Cluster start(Path dir, int port, int registryPort) {
        Cluster cluster = in(dir, port, registryPort);
        try {
            cluster.start();
            return cluster;
        } catch (RuntimeException | Error e) {
            cluster.close();
            throw e;
        }
    }

    /**
     * Starts both and returns once both answer.
     *
     * @throws ClusterException if one of them does not start, or the cluster is closed meanwhile; what has started is
     *     ended by {@link #close}
     */
    public void start() {
        synchronized (this) {
            starting = true;
        }
        try {
            // The registry takes longer: it starts while the broker does.
            registry = Registry.start(dir.resolve("registry"), registryPort);
            keep(registry::close);
            broker = Broker.start(dir.resolve("broker"), port);
            keep(broker::close);
            registry.awaitReady();
        } finally {
            synchronized (this) {
                starting = false;
                notifyAll();
            }
        }
    }

    /** Remembers what to end, or ends it at once where this cluster was closed meanwhile. */
    private void keep(Runnable end) {
        synchronized (this) {
            if (!closed) {
                ends.add(end);
                return;
            }
        }
        end.run();
        throw new ClusterException("broker and registry were closed while they started");
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

    /** Ends what runs, and waits for a start that is under way in another thread to give up. */
    @Override
    public void close() {
        List<Runnable> ending;
        synchronized (this) {
            closed = true;
            ending = List.copyOf(ends);
            ends.clear();
        }
        ending.forEach(Runnable::run);
        awaitStart();
    }

    private synchronized void awaitStart() {
        long deadline = System.nanoTime() + START_GRACE.toNanos();
        try {
            for (long left = START_GRACE.toMillis(); starting && left > 0; ) {
                wait(left);
                left = (deadline - System.nanoTime()) / 1_000_000;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
