package io.calibrant.trainer.statistics;

import io.calibrant.schemas.AccessRight;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReading;
import io.calibrant.schemas.reading.TopicRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Removes a run from the compacted topics: the run, its adapters, and all that fitters have made of it. What is on the
 * other topics stays until their retention drops it. So that it is not taken for that of a later run of this name,
 * topic {@code progress} remembers the deletion for as long, and the later run's checkpoints have other names.
 */
public final class RunRemoval {
    private static final String SOURCE = "\\d{1,9}/\\d{1,9}";
    private static final String ONLY_SHARD = "0/1";

    private RunRemoval() {}

    /** The generation of the next run of a name that no run on the topics has. */
    static int nextGeneration(Connection connection, String run) {
        int[] next = new int[1];
        TopicReading.of(connection)
                .records(connection.topics().progress(), Progress.class, run::equals, record -> {
                    Progress progress = record.value();
                    if (progress != null && progress.getDeleted() != null) {
                        next[0] = Math.max(next[0], progress.getDeleted() + 1);
                    }
                })
                .readToEnd();
        return next[0];
    }

    /** What a removal asks for. */
    public static List<AccessRight> rights(Connection connection) {
        Topics topics = connection.topics();
        List<AccessRight> rights = new ArrayList<>();
        for (String operation : new String[] {"READ", "WRITE"}) {
            rights.addAll(AccessRight.topics(
                    operation,
                    topics.runs(),
                    topics.progress(),
                    topics.posteriors(),
                    topics.factors(),
                    topics.adapters(),
                    topics.calibration()));
        }
        rights.add(AccessRight.transactionalIds(connection.topicPrefix() + "calibrant-trainer-"));
        return rights;
    }

    /**
     * Removes a run in one transaction. A trainer that still sends it is fenced, and stops.
     *
     * @return how many records of each topic were removed
     * @throws PublishingException if the broker does not answer or refuses; nothing is removed then
     */
    public static Map<String, Integer> remove(Connection connection, String run) {
        Topics topics = connection.topics();
        Run described = PublishedRun.read(connection, run);
        int generation = described == null ? nextGeneration(connection, run) : described.getGeneration();
        Map<String, Set<String>> keys = new LinkedHashMap<>();
        TopicReading reading = TopicReading.of(connection);
        // Posteriors first: nobody is to find one whose factors or adapter are gone.
        for (String topic : List.of(
                topics.posteriors(), topics.factors(), topics.adapters(), topics.calibration(), topics.runs())) {
            Set<String> there = new TreeSet<>();
            keys.put(topic, there);
            reading.bytes(topic, record -> {
                String key = TopicRecord.key(record);
                if (key == null || !Keys.runOf(key).equals(run)) {
                    return;
                }
                if (record.value() == null) {
                    there.remove(key);
                } else {
                    there.add(key);
                }
            });
        }
        Set<String> sources = new TreeSet<>(Set.of(ONLY_SHARD));
        reading.records(topics.progress(), Progress.class, run::equals, record -> {
            if (record.value() != null && record.value().getSource().matches(SOURCE)) {
                sources.add(record.value().getSource());
            }
        });
        reading.readToEnd();
        send(connection, run, List.copyOf(sources), keys, generation);
        Map<String, Integer> removed = new LinkedHashMap<>();
        keys.forEach((topic, of) -> removed.put(topic, of.size()));
        return removed;
    }

    /** @param sources the shards of the run whose trainers may still be there */
    private static void send(
            Connection connection, String run, List<String> sources, Map<String, Set<String>> keys, int generation) {
        List<TransactionalSender> senders = new ArrayList<>();
        try (Serializer<Progress> serializer = connection.serializer(Progress.class)) {
            for (String source : sources) {
                senders.add(TransactionalSender.open(connection, run, source));
            }
            String progress = connection.topics().progress();
            byte[] deleted = serializer.serialize(
                    progress,
                    Progress.newBuilder()
                            .setRunId(run)
                            .setPhase(Phase.DONE)
                            .setDeleted(generation)
                            .setTimestamp(Instant.ofEpochMilli(System.currentTimeMillis()))
                            .build());
            senders.get(0).send(transaction -> {
                transaction.send(progress, run, deleted);
                keys.forEach((topic, of) -> of.forEach(key -> transaction.send(topic, key, null)));
            });
        } finally {
            senders.forEach(TransactionalSender::close);
        }
        // A commit returns before readers see it; the next producer of the id is opened when they do.
        TransactionalSender.open(connection, run, sources.get(0)).close();
    }
}
