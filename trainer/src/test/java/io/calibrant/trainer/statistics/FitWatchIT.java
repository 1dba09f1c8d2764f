package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.testing.Relay;
import io.calibrant.testing.SharedCluster;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;

/** What a trainer learns of the fitters, beside a real broker and a registry that is away for a while. */
class FitWatchIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(100);

    private final Connection direct = SharedCluster.connection("FitWatchIT");
    private final List<String> said = new ArrayList<>();

    private static void awaitCaughtUp(FitWatch watch) {
        await().atMost(PATIENCE).until(() -> {
            watch.poll(POLL);
            return watch.isCaughtUp();
        });
    }

    @Test
    void shouldKnowOfNoPosteriorWhereThereIsNoTopic() {
        try (FitWatch watch = new FitWatch(direct, "r1", said::add)) {
            assertThat(watch.isCaughtUp()).isFalse(); // nobody has said yet that there is no topic
            awaitCaughtUp(watch);
            assertThat(watch.completeBeside("final")).isEmpty();
        }
        assertThat(said).isEmpty();
    }

    @Test
    void shouldWaitForAFitWhileTheRegistryIsAway() throws Exception {
        TopicAdmin.createMissing(direct);
        Posterior posterior = Posterior.newBuilder()
                .setRunId("r1")
                .setCheckpoint("final")
                .setFit("default")
                .setVersion(4)
                .setBatches(4)
                .setBlocks(List.of())
                .setLogEvidence(-40)
                .setLogLikelihood(-30)
                .setEffectiveParameters(12.5)
                .setParameters(1664)
                .setCapturedEnergy(0.65)
                .build();
        try (KafkaProducer<String, Posterior> producer =
                new KafkaProducer<>(direct.producer(), new StringSerializer(), direct.serializer(Posterior.class))) {
            String key = Keys.fit("r1", "final", "default");
            producer.send(new ProducerRecord<>(direct.topics().posteriors(), key, posterior))
                    .get();
        }
        try (Relay relay = Relay.to(direct.schemaRegistry())) {
            relay.cut();
            Connection connection =
                    new Connection(direct.bootstrapServers(), relay.url(), direct.topicPrefix(), Map.of());
            try (FitWatch watch = new FitWatch(connection, "r1", said::add)) {
                await().atMost(PATIENCE).until(() -> {
                    watch.poll(POLL);
                    return !said.isEmpty();
                });
                assertThat(watch.isCaughtUp()).isFalse();
                relay.restore();
                awaitCaughtUp(watch);
                assertThat(watch.batches("final")).isEqualTo(4);
            }
            assertThat(said).hasSize(2);
            assertThat(said.get(0)).contains(relay.url()).endsWith("; waiting for it");
            assertThat(said.get(1)).isEqualTo("registry " + relay.url() + " answers again");
        }
    }
}
