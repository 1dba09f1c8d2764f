package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.PriorObjective;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;

/**
 * The end of a replay: everything that the topics of statistics, answers and labels held at the start is processed, and
 * what follows from it is committed. Judged by the committed offsets of the fit's consumer group, so that a replay that
 * was interrupted, or is finished already, is judged alike. Not thread-safe; confined to one thread.
 *
 * <p>A transaction ends at each partition in its own time: that the group's offsets are committed does not say yet that
 * what was sent with them can be read. So what follows is measured by the ends that the partitions have whether
 * committed or not, taken once what precedes it is committed.
 */
final class ReplayEnd {
    private final Connection connection;
    private final String applicationId;
    private final Map<TopicPartition, Long> inputs;
    private final BooleanSupplier calibrated;
    private Map<TopicPartition, Long> moved;
    private Map<TopicPartition, Long> sentOn;
    private Map<TopicPartition, Long> results;

    private ReplayEnd(
            Connection connection, String applicationId, Map<TopicPartition, Long> inputs, BooleanSupplier calibrated) {
        this.connection = connection;
        this.applicationId = applicationId;
        this.inputs = inputs;
        this.calibrated = calibrated;
    }

    /**
     * The end as it is now.
     *
     * @param calibrated whether no calibration is pending
     */
    static ReplayEnd now(Connection connection, FitterSettings settings, BooleanSupplier calibrated) {
        Topics topics = connection.topics();
        List<String> inputs = new ArrayList<>(List.of(topics.statistics(), topics.answers(), topics.labels()));
        if (settings.prior().objective() == PriorObjective.VALIDATION) {
            inputs.add(topics.predictiveStatistics());
        }
        try (Admin admin = Admin.create(connection.admin())) {
            return new ReplayEnd(
                    connection,
                    settings.applicationId(topics),
                    ends(admin, inputs, IsolationLevel.READ_COMMITTED),
                    calibrated);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }

    /** Whether it is reached; once it is, it stays so. */
    boolean reached() {
        try (Admin admin = Admin.create(connection.admin())) {
            Map<TopicPartition, Long> committed = new HashMap<>();
            admin.listConsumerGroupOffsets(applicationId)
                    .partitionsToOffsetAndMetadata()
                    .get()
                    .forEach((partition, offset) -> committed.put(partition, offset == null ? 0 : offset.offset()));
            if (!reached(inputs, committed)) {
                return false;
            }
            // The offsets read above may be older than the ends: so each is judged at the next look.
            if (moved == null) {
                moved = internalEnds(admin, StoreNames.inputTopics(applicationId));
                return false;
            }
            if (!reached(moved, committed)) {
                return false;
            }
            if (sentOn == null) {
                sentOn = internalEnds(admin, StoreNames.resultTopics(applicationId));
                return false;
            }
            if (!reached(sentOn, committed) || !calibrated.getAsBoolean()) {
                return false;
            }
            List<String> outputs = List.of(
                    connection.topics().factors(),
                    connection.topics().factorUpdates(),
                    connection.topics().posteriors());
            if (results == null) {
                results = ends(admin, outputs, IsolationLevel.READ_UNCOMMITTED);
            }
            return reached(results, ends(admin, outputs, IsolationLevel.READ_COMMITTED));
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException(e.getCause().getMessage(), e);
        }
    }

    private static Map<TopicPartition, Long> internalEnds(Admin admin, List<String> topics)
            throws InterruptedException, ExecutionException {
        Set<String> there = admin.listTopics().names().get();
        return ends(admin, topics.stream().filter(there::contains).toList(), IsolationLevel.READ_UNCOMMITTED);
    }

    private static boolean reached(Map<TopicPartition, Long> ends, Map<TopicPartition, Long> offsets) {
        return ends.entrySet().stream().allMatch(end -> offsets.getOrDefault(end.getKey(), 0L) >= end.getValue());
    }

    /** The ends at this isolation, of the partitions that hold anything at all. */
    private static Map<TopicPartition, Long> ends(Admin admin, List<String> topics, IsolationLevel isolation)
            throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetSpec> earliest = new HashMap<>();
        Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
        admin.describeTopics(topics)
                .allTopicNames()
                .get()
                .forEach((topic, description) -> description.partitions().forEach(partition -> {
                    TopicPartition key = new TopicPartition(topic, partition.partition());
                    earliest.put(key, OffsetSpec.earliest());
                    latest.put(key, OffsetSpec.latest());
                }));
        var first = admin.listOffsets(earliest).all().get();
        var end = admin.listOffsets(latest, new ListOffsetsOptions(isolation))
                .all()
                .get();
        Map<TopicPartition, Long> ends = new HashMap<>();
        end.forEach((partition, info) -> {
            if (info.offset() > first.get(partition).offset()) {
                ends.put(partition, info.offset());
            }
        });
        return ends;
    }
}
