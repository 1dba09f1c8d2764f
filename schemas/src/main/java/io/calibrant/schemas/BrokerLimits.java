package io.calibrant.schemas;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InterruptException;

/**
 * What a cluster allows of the timeouts of a consumer group. Managed clusters may want longer ones than are best here.
 *
 * @param leastSessionMillis the shortest session timeout
 * @param mostSessionMillis the longest one
 */
public record BrokerLimits(int leastSessionMillis, int mostSessionMillis) {
    /** Where nothing is known: everything is tried. */
    static final BrokerLimits UNKNOWN = new BrokerLimits(0, Integer.MAX_VALUE);

    /** What the cluster of a connection allows; anything where it does not say so, or may not be asked. */
    public static BrokerLimits of(Connection connection) {
        try (Admin admin = Admin.create(connection.admin())) {
            return of(admin);
        }
    }

    /** What a cluster allows; anything where it does not say so, or may not be asked. */
    public static BrokerLimits of(Admin admin) {
        try {
            Collection<Node> brokers = admin.describeCluster().nodes().get();
            Optional<Node> some = brokers.stream().findFirst();
            if (some.isEmpty()) {
                return UNKNOWN;
            }
            ConfigResource broker =
                    new ConfigResource(ConfigResource.Type.BROKER, some.get().idString());
            return of(admin.describeConfigs(List.of(broker)).all().get().get(broker));
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            return UNKNOWN; // no right to see a broker's configuration, or a service that has none
        }
    }

    private static BrokerLimits of(Config config) {
        return new BrokerLimits(
                number(config, "group.min.session.timeout.ms", UNKNOWN.leastSessionMillis),
                number(config, "group.max.session.timeout.ms", UNKNOWN.mostSessionMillis));
    }

    private static int number(Config config, String key, int otherwise) {
        try {
            return Optional.ofNullable(config.get(key))
                    .map(ConfigEntry::value)
                    .map(Integer::valueOf)
                    .orElse(otherwise);
        } catch (NumberFormatException e) {
            return otherwise;
        }
    }

    /** The session timeout that is allowed and nearest to a wanted one, milliseconds. */
    public int session(int wantedMillis) {
        return Math.min(Math.max(wantedMillis, leastSessionMillis), mostSessionMillis);
    }
}
