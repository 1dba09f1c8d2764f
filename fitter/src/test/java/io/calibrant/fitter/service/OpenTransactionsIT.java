package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.cluster.Broker;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OpenTransactionsIT {
    @Test
    void shouldNameTheHangingTransaction(@TempDir Path dir) throws Exception {
        try (Broker broker = Broker.start(dir.resolve("broker"), 0);
                Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
                KafkaProducer<String, String> producer = new KafkaProducer<>(
                        Map.of(
                                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
                                broker.bootstrapServers(),
                                ProducerConfig.TRANSACTIONAL_ID_CONFIG,
                                "forgotten"),
                        new StringSerializer(),
                        new StringSerializer())) {
            List<String> topics = List.of("log", "missing");
            admin.createTopics(List.of(new NewTopic("log", Optional.of(2), Optional.empty())))
                    .all()
                    .get();
            producer.initTransactions();
            assertThat(OpenTransactions.oldest(admin, topics, Duration.ZERO)).isNull();

            producer.beginTransaction();
            producer.send(new ProducerRecord<>("log", 1, "key", "value")).get();
            producer.commitTransaction(); // which ends at the partition a moment later
            await().until(() -> OpenTransactions.oldest(admin, topics, Duration.ZERO) == null);

            producer.beginTransaction();
            producer.send(new ProducerRecord<>("log", 1, "key", "value")).get();
            assertThat(OpenTransactions.oldest(admin, topics, Duration.ZERO))
                    .contains("topic log, partition 1")
                    .endsWith("abort --topic log --partition 1 --start-offset 2");
            assertThat(OpenTransactions.oldest(admin, topics, Duration.ofHours(1)))
                    .isNull();
            producer.abortTransaction();
        }
    }
}
