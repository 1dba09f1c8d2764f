package io.calibrant.schemas;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;

/** Checks that broker and registry answer, before a command does anything. */
public final class ReachabilityCheck {
    private static final Duration BROKER_PATIENCE = Duration.ofSeconds(12);

    private ReachabilityCheck() {}

    /**
     * Returns when both have answered; takes at most 25 s.
     *
     * @throws KafkaException naming the address that does not answer
     */
    public static void check(Connection connection) {
        ConnectionFailure.requireStores(connection);
        checkBroker(connection);
        // Serdes of others log in by ways of their own (OAuth, a proxy), and say themselves who does not answer.
        if (!connection.hasForeignSerdes()) {
            connection.registry().ping();
        }
    }

    private static void checkBroker(Connection connection) {
        Map<String, Object> configs = connection.admin();
        String millis = Long.toString(BROKER_PATIENCE.toMillis());
        configs.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, millis);
        configs.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, millis);
        Admin admin;
        try {
            admin = Admin.create(configs);
        } catch (KafkaException e) {
            // A host that cannot be resolved, a setting that Kafka refuses: the reason is in a cause.
            throw failed(connection, e);
        }
        try {
            admin.describeCluster().clusterId().get(BROKER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (TimeoutException e) {
            throw unreachable(connection, e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof org.apache.kafka.common.errors.TimeoutException) {
                throw unreachable(connection, e);
            }
            throw failed(connection, e.getCause());
        } finally {
            admin.close(Duration.ZERO);
        }
    }

    private static KafkaException failed(Connection connection, Throwable cause) {
        return new KafkaException(ConnectionFailure.words(connection, cause), cause);
    }

    private static KafkaException unreachable(Connection connection, Exception cause) {
        return new KafkaException(
                "broker " + connection.bootstrapServers() + " does not answer (waited " + BROKER_PATIENCE.toSeconds()
                        + " s)"
                        + ConnectionFailure.silence(connection)
                                .map(why -> ": " + why)
                                .orElse(""),
                cause);
    }
}
