package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.CommittedRecords;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Row 11 of the fault tests, its first half: a refit beside the live fit that is killed in the middle of its replay.
 */
class RefitFaultIT extends OnOneCluster {
    private static final int BATCHES = 1500;

    @TempDir
    private Path dir;

    @Test
    void shouldGoOnAfterAKillAndLeaveTheLiveFitAlone() throws Exception {
        new SentPass(BATCHES).send(connection, batch -> true);
        FitterSettings settings = FitterSettings.defaults().withStateDir(dir.resolve("live"));
        try (Fitter live = new Fitter(connection, settings, posterior -> {})) {
            live.start();
            live.awaitReplayed();
            Map<String, byte[]> factors = factors("default");
            Posterior posterior = posterior("default");
            assertThat(factors).hasSize(3);

            String[] command = {
                "refit",
                "--run",
                SentPass.RUN,
                "--as",
                "killed",
                "--execute",
                "--threads",
                "1",
                "--state-dir",
                dir.resolve("refit").toString(),
                "--bootstrap-server",
                connection.bootstrapServers(),
                "--schema-registry",
                connection.schemaRegistry(),
                "--topic-prefix",
                connection.topicPrefix()
            };
            try (ChildJvm child = ChildJvm.calibrant(dir.resolve("refit.log"), command)) {
                await().atMost(90, TimeUnit.SECONDS)
                        .pollInterval(Duration.ofMillis(20))
                        .until(() -> committed() > 0 || !child.isAlive());
                child.kill();
            }
            long committed = committed();
            assertThat(committed)
                    .as("a kill before anything is committed, or after all of it is, proves nothing")
                    .isBetween(1L, 3L * BATCHES - 1);
            System.out.printf("refit killed with %d of %d statistics committed%n", committed, 3 * BATCHES);

            Ran again = Ran.calibrant(Map.of(), command);
            assertThat(again.code()).as(again.err()).isZero();
            assertThat(again.err()).contains("going on: ");
            assertThat(again.out()).contains("COMPLETE, " + BATCHES + "/" + BATCHES + " batches");
            Ran done = Ran.calibrant(Map.of(), command);
            assertThat(done.out()).contains("done already, COMPLETE");

            // each batch once, though it was killed and started three times
            for (Block block : SentPass.BLOCKS) {
                List<Long> sequence =
                        CommittedRecords.of(connection, connection.topics().factorUpdates(), FactorUpdate.class)
                                .stream()
                                .map(each -> each.value())
                                .filter(update -> update.getFit().equals("killed")
                                        && update.getBlock().equals(block.getName()))
                                .map(FactorUpdate::getBatches)
                                .toList();
                assertThat(sequence)
                        .isEqualTo(LongStream.rangeClosed(1, BATCHES).boxed().toList());
            }
            Map<String, byte[]> refitted = factors("killed");
            assertThat(refitted.keySet()).isEqualTo(factors.keySet());
            refitted.forEach((block, bytes) -> assertThat(bytes).containsExactly(factors.get(block)));
            Posterior of = posterior("killed");
            of.setFit("default");
            of.setVersion(posterior.getVersion());
            assertThat(of).isEqualTo(posterior);
            // and the live fit is as it was
            factors("default").forEach((block, bytes) -> assertThat(bytes).containsExactly(factors.get(block)));
            assertThat(posterior("default")).isEqualTo(posterior);
        }
    }

    /** Statistics that the refit's group has committed. */
    private long committed() throws Exception {
        try (Admin admin = Admin.create(connection.admin())) {
            Map<TopicPartition, Long> starts = new TreeMap<>(java.util.Comparator.comparing(TopicPartition::toString));
            admin.listConsumerGroupOffsets(connection.topicPrefix() + "calibrant-fitter-killed")
                    .partitionsToOffsetAndMetadata()
                    .get()
                    .forEach((partition, offset) -> {
                        if (offset != null
                                && partition.topic().equals(connection.topics().statistics())) {
                            starts.put(partition, offset.offset());
                        }
                    });
            long committed = 0;
            for (Map.Entry<TopicPartition, Long> each : starts.entrySet()) {
                long first = admin.listOffsets(Map.of(each.getKey(), OffsetSpec.earliest()))
                        .partitionResult(each.getKey())
                        .get()
                        .offset();
                committed += each.getValue() - first;
            }
            return committed;
        }
    }

    /** The bytes of a fit's factors by block, but for its name. */
    private Map<String, byte[]> factors(String fit) {
        Map<String, byte[]> factors = new TreeMap<>();
        TopicReader.latest(connection, connection.topics().factors(), Factor.class, line -> {}).values().stream()
                .filter(factor -> factor.getFit().equals(fit))
                .forEach(factor -> {
                    factor.setFit("");
                    factors.put(
                            factor.getBlock(),
                            connection
                                    .serializer(Factor.class)
                                    .serialize(connection.topics().factors(), factor));
                });
        return factors;
    }

    private Posterior posterior(String fit) {
        return TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class, line -> {})
                .get(SentPass.RUN + "/" + SentPass.CHECKPOINT + "/" + fit);
    }
}
