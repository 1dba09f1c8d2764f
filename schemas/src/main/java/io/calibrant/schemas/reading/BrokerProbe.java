package io.calibrant.schemas.reading;

import io.calibrant.schemas.Connection;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.InterruptException;

/**
 * Asks the broker for its topics, about once a second, without ever waiting: a consumer is silent about a broker that
 * is away. Not thread-safe.
 */
final class BrokerProbe implements AutoCloseable {
    private static final Duration EVERY = Duration.ofSeconds(1);

    /** Long for a broker that is there, so that one that is only busy is not called away. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final Admin admin;
    private KafkaFuture<Set<String>> asked;
    private long askedAt = System.nanoTime() - EVERY.toNanos();

    BrokerProbe(Connection connection) {
        Map<String, Object> configs = connection.admin();
        configs.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, Long.toString(PATIENCE.toMillis()));
        configs.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, Long.toString(PATIENCE.toMillis()));
        admin = Admin.create(configs);
    }

    /**
     * Asks where it is time to, and hands on an answer that has come: the names of all topics, or that there is none.
     *
     * @throws AuthenticationException if the broker is there and does not let this client in (any more)
     */
    void ask(Consumer<Set<String>> answered, Runnable unanswered) {
        if (asked == null) {
            if (System.nanoTime() - askedAt >= EVERY.toNanos()) {
                askedAt = System.nanoTime();
                asked = admin.listTopics().names();
            }
            return;
        }
        if (!asked.isDone()) {
            return;
        }
        KafkaFuture<Set<String>> answer = asked;
        asked = null;
        Set<String> names;
        try {
            names = answer.get();
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof AuthenticationException refused) {
                throw refused;
            }
            unanswered.run();
            return;
        }
        answered.accept(names);
    }

    /** Waits for an answer that is under way; false where none is. */
    boolean await(Duration patience) {
        if (asked == null) {
            return false;
        }
        try {
            asked.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException | TimeoutException e) {
            // The next request reports it.
        }
        return true;
    }

    @Override
    public void close() {
        admin.close(Duration.ZERO);
    }
}
