package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.registry.AvroDeserializer;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.junit.jupiter.api.Test;

class ConnectionTest {
    private static final String REGISTRY = "mock://connection";

    @Test
    void shouldKeepItsPromisesAgainstProperties() {
        Connection connection = new Connection(
                "a:1,b:2",
                REGISTRY,
                "p-",
                Map.of(
                        "isolation.level", "read_uncommitted",
                        "enable.auto.commit", "true",
                        "acks", "1",
                        "enable.idempotence", "false",
                        "bootstrap.servers", "elsewhere:9092"));
        assertThat(connection.consumer("g"))
                .containsEntry("isolation.level", "read_committed")
                .containsEntry("enable.auto.commit", "false")
                .containsEntry("group.id", "g")
                .containsEntry("bootstrap.servers", "a:1,b:2");
        assertThat(connection.producer()).containsEntry("acks", "all").containsEntry("enable.idempotence", "true");
        assertThat(connection.topics().questions()).isEqualTo("p-questions");
    }

    @Test
    void shouldGiveClientSettingsToClientsAndRegistrySettingsToTheRegistry() {
        Connection connection = new Connection(
                "a:1",
                REGISTRY,
                "",
                Map.of(
                        "security.protocol",
                        "SASL_SSL",
                        "basic.auth.user.info",
                        "u:p",
                        Connection.SERDE,
                        "x",
                        "auto.register.schemas",
                        "false"));
        assertThat(connection.admin())
                .containsOnly(Map.entry("security.protocol", "SASL_SSL"), Map.entry("bootstrap.servers", "a:1"));
        assertThat(connection.consumer(null)).doesNotContainKey("group.id");
    }

    @Test
    void shouldTakeTheClassesOfAvroValuesFromProperties() {
        Connection connection =
                new Connection("a:1", REGISTRY, "", Map.of(Connection.DESERIALIZER, Recorder.class.getName()));
        Deserializer<Label> deserializer = connection.deserializer(Label.class);
        assertThat(deserializer).isInstanceOf(Recorder.class);
        assertThat(((Recorder<?>) deserializer).configs)
                .containsEntry("schema.registry.url", REGISTRY)
                .containsEntry("specific.avro.reader", "true")
                .containsEntry("specific.avro.value.type", Label.class.getName())
                .containsEntry("auto.register.schemas", "true");
        assertThat(Connection.to("a:1", REGISTRY).deserializer(Label.class)).isInstanceOf(AvroDeserializer.class);
    }

    @Test
    void shouldNameAClassThatIsNotThere() {
        Connection connection = new Connection(
                "a:1",
                REGISTRY,
                "",
                Map.of(Connection.SERIALIZER, "io.confluent.kafka.serializers.KafkaAvroSerializerr"));
        assertThatThrownBy(() -> connection.serializer(Label.class))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("calibrant.value.serializer must be the name of a"
                        + " org.apache.kafka.common.serialization.Serializer on"
                        + " the class path with a constructor without arguments, got"
                        + " 'io.confluent.kafka.serializers.KafkaAvroSerializerr'");
        Connection wrongKind = new Connection("a:1", REGISTRY, "", Map.of(Connection.SERIALIZER, "java.lang.String"));
        assertThatThrownBy(() -> wrongKind.serializer(Label.class)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void shouldRefuseAddressesThatAreNone() {
        assertThatThrownBy(() -> Connection.to("localhost", REGISTRY))
                .hasMessage("--bootstrap-server must be host:port[,host:port], got 'localhost'");
        assertThatThrownBy(() -> Connection.to("a:1", "localhost:8081"))
                .hasMessage("--schema-registry must be http://host:port, https://host:port or mock://name, got"
                        + " 'localhost:8081'");
        assertThatThrownBy(() -> new Connection("a:1", REGISTRY, "a b", Map.of()))
                .hasMessage("--topic-prefix must be at most 100 letters, digits, '.', '_' and '-', got 'a b'");
    }

    /** A deserializer that keeps its configuration. */
    public static final class Recorder<T extends SpecificRecord> implements Deserializer<T> {
        private Map<String, String> configs = Map.of();

        @Override
        public void configure(Map<String, ?> configs, boolean isKey) {
            this.configs = new HashMap<>();
            configs.forEach((key, value) -> this.configs.put(key, value.toString()));
        }

        @Override
        public T deserialize(String topic, byte[] data) {
            return null;
        }
    }
}
