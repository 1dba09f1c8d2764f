package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.BrokerLimits;
import io.calibrant.schemas.Connection;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.Test;

/** The fitter on a cluster that does not allow all that it would like. */
class StreamsLimitsTest {
    private static Properties configs(Map<String, String> settings, BrokerLimits limits) {
        Connection connection = new Connection("a:1", "mock://limits", "", settings);
        return StreamsConfigs.within(
                StreamsConfigs.of(connection, FitterSettings.defaults(), Path.of("state")),
                connection,
                limits,
                8 << 20);
    }

    @Test
    void shouldAskForASessionTimeoutThatTheClusterAllows() {
        Properties managed = configs(Map.of(), new BrokerLimits(10_000, 300_000));
        assertThat(managed.get("main.consumer.session.timeout.ms")).isEqualTo(10_000);
        assertThat(managed.get("main.consumer.heartbeat.interval.ms")).isEqualTo(2_500);
        assertThat(configs(Map.of(), new BrokerLimits(1, 300_000)).get("main.consumer.session.timeout.ms"))
                .isEqualTo(6_000);
    }

    @Test
    void shouldTakeTheSessionTimeoutThatTheUserSaysWithAPrefix() {
        BrokerLimits limits = new BrokerLimits(1, 300_000);
        Properties some = configs(
                Map.of(
                        "session.timeout.ms", "20000",
                        "consumer.session.timeout.ms", "30000",
                        "main.consumer.heartbeat.interval.ms", "4000"),
                limits);
        assertThat(some.get("main.consumer.session.timeout.ms")).isEqualTo(30_000);
        assertThat(some.get("main.consumer.heartbeat.interval.ms")).isEqualTo(4_000);
        assertThat(configs(
                                Map.of(
                                        "consumer.session.timeout.ms", "30000",
                                        "main.consumer.session.timeout.ms", "40000"),
                                limits)
                        .get("main.consumer.session.timeout.ms"))
                .isEqualTo(40_000);
    }

    @Test
    void shouldMakeInternalTopicsAsTheClusterAllows() {
        Properties managed = configs(
                Map.of("calibrant.replication.factor", "3", "calibrant.min.insync.replicas", "2"),
                new BrokerLimits(1, 300_000));
        assertThat(managed.get("topic.max.message.bytes")).isEqualTo(8 << 20);
        assertThat(managed.get("replication.factor")).isEqualTo(3);
        assertThat(managed.get("topic.min.insync.replicas")).isEqualTo(2);
    }
}
