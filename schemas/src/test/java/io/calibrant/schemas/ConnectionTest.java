package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.registry.AvroDeserializer;
import io.calibrant.schemas.registry.AvroSerializer;
import io.calibrant.schemas.registry.BadRecordException;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.junit.jupiter.api.Test;

class ConnectionTest {
    private static final String LOGIN =
            "org.apache.kafka.common.security.plain.PlainLoginModule required" + " username=\"u\" password=\"hush\";";
    private static final String REGISTRY = "mock://connection";

    @Test
    void shouldKeepItsPromisesAgainstProperties() {
        Map.of(
                        "isolation.level", "read_uncommitted",
                        "enable.auto.commit", "true",
                        "acks", "1",
                        "enable.idempotence", "false")
                .forEach((key, value) -> assertThatThrownBy(
                                () -> new Connection("a:1", REGISTRY, "p-", Map.of(key, value)))
                        .isInstanceOf(ConfigurationException.class)
                        .hasMessageStartingWith(key + " must be "));
        Connection connection =
                new Connection("a:1,b:2", REGISTRY, "p-", Map.of("bootstrap.servers", "elsewhere:9092"));
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
        Connection connection = new Connection(
                "a:1",
                REGISTRY,
                "",
                Map.of(
                        Connection.DESERIALIZER,
                        Recorder.class.getName(),
                        "sasl.jaas.config",
                        LOGIN,
                        "use.schema.id",
                        "7",
                        "http.read.timeout.ms",
                        "5000",
                        "calibrant.rank",
                        "4"));
        Deserializer<Label> deserializer = connection.deserializer(Label.class);
        assertThat(Recorder.configs)
                .containsEntry("schema.registry.url", REGISTRY)
                .containsEntry("specific.avro.reader", "true")
                .containsEntry("specific.avro.value.type", Label.class.getName())
                .containsEntry("auto.register.schemas", "true")
                .containsEntry("sasl.jaas.config", LOGIN)
                .containsEntry("use.schema.id", "7")
                .containsEntry("http.read.timeout.ms", "5000")
                .doesNotContainKey("calibrant.rank");
        assertThatThrownBy(() -> deserializer.deserialize("labels", new byte[1]))
                .as("of a class that makes nothing of a value")
                .isInstanceOf(BadRecordException.class)
                .hasMessageContaining("topic labels: the deserializer made nothing of a value");
        assertThat(Connection.to("a:1", REGISTRY).deserializer(Label.class)).isInstanceOf(AvroDeserializer.class);
    }

    @Test
    void shouldNotAskTheRegistryItselfWhereOnlyClassesOfOthersDo() {
        Map<String, String> all = new HashMap<>(Map.of(
                Connection.DESERIALIZER, Recorder.class.getName(),
                Connection.SERIALIZER, "x.Serializer",
                Connection.SERDE, "x.Serde"));
        assertThat(new Connection("a:1", REGISTRY, "", all).hasForeignSerdes()).isTrue();
        all.put(Connection.SERIALIZER, AvroSerializer.class.getName());
        assertThat(new Connection("a:1", REGISTRY, "", all).hasForeignSerdes()).isFalse();
        all.remove(Connection.SERIALIZER);
        assertThat(new Connection("a:1", REGISTRY, "", all).hasForeignSerdes()).isFalse();
    }

    @Test
    void shouldShowNoSecrets() {
        Connection connection =
                new Connection("a:1", "http://u:hush@r:1,http://u:hush@s:1", "p-", Map.of("sasl.jaas.config", LOGIN));
        assertThat(connection.toString()).doesNotContain("hush").contains("http://********@s:1", "sasl.jaas.config");
        assertThat(connection.shownRegistry()).isEqualTo("http://********@r:1,http://********@s:1");
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
        private static final Map<String, String> configs = new HashMap<>();

        @Override
        public void configure(Map<String, ?> given, boolean isKey) {
            configs.clear();
            given.forEach((key, value) -> configs.put(key, value.toString()));
        }

        @Override
        public T deserialize(String topic, byte[] data) {
            return null;
        }
    }
}
