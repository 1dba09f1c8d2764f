package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClientSettingsTest {
    @ParameterizedTest
    @CsvSource({
        "auto.offset.reset, latest",
        "auto.offset.reset, none",
        "consumer.auto.offset.reset, latest",
        "main.consumer.auto.offset.reset, latest",
        "isolation.level, read_uncommitted",
        "enable.auto.commit, true",
        "enable.idempotence, false",
        "acks, 1",
        "producer.acks, 0",
        "processing.guarantee, at_least_once",
        "group.protocol, consumer",
        "group.protocol, streams",
        "partitioner.class, org.apache.kafka.clients.producer.RoundRobinPartitioner",
        "producer.partitioner.ignore.keys, true",
        "group.id, mine",
        "group.instance.id, host-1",
        "transactional.id, mine",
        "producer.transactional.id, mine",
        "transaction.timeout.ms, 1000",
        "application.id, mine",
        "state.dir, /tmp/elsewhere",
        "session.timeout.ms, soon",
        "session.timeout.ms, 0",
    })
    void shouldRefuseByNameWhatAPromiseRestsOn(String key, String value) {
        assertThatThrownBy(() -> connection(Map.of(key, value)))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageStartingWith(key + " must be ")
                .hasMessageContaining("got '" + value + "'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ScramLoginModule required username=\"svc\" password=\"hush\"",
                "ScramLoginModule required username=\"svc\" password=\"a\"hush;",
                "ScramLoginModule hush username=\"svc\";",
                "hush",
                "com.sun.security.auth.module.JndiLoginModule required user.provider.url=\"hush\";",
            })
    void shouldRefuseALoginThatCannotBeReadWithoutQuotingIt(String jaas) {
        assertThatThrownBy(() -> connection(Map.of("sasl.jaas.config", jaas)))
                .isInstanceOf(ConfigurationException.class)
                .hasNoCause()
                .hasMessageStartingWith("sasl.jaas.config must be one login module")
                .hasMessageNotContaining("hush");
    }

    @Test
    void shouldTakeTheSameWhereItSaysWhatHoldsAnyhow() {
        Map<String, String> properties = Map.of(
                "auto.offset.reset", "earliest",
                "isolation.level", "read_committed",
                "enable.auto.commit", "false",
                "acks", "-1",
                "group.protocol", "CLASSIC",
                "session.timeout.ms", "45000",
                "security.protocol", "SASL_SSL",
                "client.id", "team");
        assertThat(connection(properties).consumer("group"))
                .containsEntry("session.timeout.ms", "45000")
                .containsEntry("client.id", "team");
    }

    private static Connection connection(Map<String, String> properties) {
        return new Connection("localhost:1", "mock://settings", "", properties);
    }
}
