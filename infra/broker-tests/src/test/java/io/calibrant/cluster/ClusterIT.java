package io.calibrant.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.registry.BadRecordException;
import io.calibrant.schemas.registry.IncompatibleSchemaException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClusterIT {
    @TempDir
    private Path dir;

    @Test
    void shouldKeepRecordsAndSchemasWhenOpenedAgain() throws Exception {
        try (Cluster cluster = Cluster.start(dir, 0, 0)) {
            Connection connection = cluster.connection();
            TopicAdmin.createMissing(connection);
            try (KafkaProducer<String, Label> producer = new KafkaProducer<>(
                    connection.producer(), new StringSerializer(), connection.serializer(Label.class))) {
                producer.send(new ProducerRecord<>(connection.topics().labels(), 0, "q1", new Label("B", null, null)))
                        .get();
            }
        }
        // Other ports, so that no cache of this JVM can answer for the registry.
        try (Cluster cluster = Cluster.start(dir, 0, 0)) {
            Connection connection = cluster.connection();
            try (KafkaConsumer<String, Label> consumer = new KafkaConsumer<>(
                    connection.consumer(null), new StringDeserializer(), connection.deserializer(Label.class))) {
                TopicPartition partition =
                        new TopicPartition(connection.topics().labels(), 0);
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                ConsumerRecords<String, Label> records = consumer.poll(Duration.ofSeconds(30));
                assertThat(records).extracting(ConsumerRecord::value).containsExactly(new Label("B", null, null));
            }
            shouldEnforceFullTransitiveCompatibility(connection);
        }
    }

    private static void shouldEnforceFullTransitiveCompatibility(Connection connection) {
        String subject = connection.topics().labels() + "-value";
        Schema incompatible = SchemaBuilder.record("Label")
                .namespace("io.calibrant.schemas.avro")
                .fields()
                .requiredInt("label")
                .endRecord();
        assertThatThrownBy(() -> connection.registry().register(subject, incompatible))
                .isInstanceOf(IncompatibleSchemaException.class)
                .hasMessageContaining(subject);
        assertThatThrownBy(() -> connection.registry().lookUp(subject, incompatible))
                .isInstanceOf(IncompatibleSchemaException.class);
        assertThatThrownBy(() -> connection.registry().byId(4711))
                .isInstanceOf(BadRecordException.class)
                .hasMessageContaining("schema id 4711 is not known");
        int id = connection.registry().register(subject, Label.getClassSchema());
        assertThat(connection.registry().lookUp(subject, Label.getClassSchema()))
                .isEqualTo(id);
        assertThat(connection.registry().byId(id)).isEqualTo(Label.getClassSchema());
    }

    @Test
    void shouldEndTheRegistryWithItsParentHoweverThatDies() throws Exception {
        // given a parent of its own, as `up` is
        Process parent = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        RegistryParent.class.getName(),
                        dir.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String line = parent.inputReader().readLine();
        ProcessHandle registry = ProcessHandle.of(Long.parseLong(line)).orElseThrow();
        assertThat(registry.isAlive()).isTrue();

        parent.destroyForcibly(); // SIGKILL

        registry.onExit().get(30, TimeUnit.SECONDS);
        assertThat(registry.isAlive()).isFalse();
    }

    @Test
    void shouldNameThePortThatIsTaken() throws Exception {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> Broker.start(dir, taken.getLocalPort()))
                    .isInstanceOf(ClusterException.class)
                    .hasMessageStartingWith("broker: port " + taken.getLocalPort() + " cannot be used");
        }
    }

    /** A process that starts a registry, says the registry's process id, and never ends by itself. */
    static final class RegistryParent {
        public static void main(String[] arguments) throws InterruptedException {
            Registry registry = Registry.start(Path.of(arguments[0]), 0);
            registry.awaitReady();
            System.out.println(registry.process().pid());
            Thread.currentThread().join();
        }
    }
}
