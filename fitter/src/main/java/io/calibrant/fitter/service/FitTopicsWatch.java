package io.calibrant.fitter.service;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.topology.StoreNames;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicIdentity;
import io.calibrant.schemas.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the topics while the fitter runs, for what Kafka Streams does not tell: topics that are deleted, made anew
 * or cut otherwise, records that are deleted before they are read, transactions that stay open and hold up all that
 * comes behind them. In a thread of its own.
 */
final class FitTopicsWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FitTopicsWatch.class);
    private static final Duration LOOK = Duration.ofSeconds(5);
    private static final int LOOKS = 2;
    private static final Duration HELD_UP = Duration.ofSeconds(15);
    private static final String PATIENCE_MS = "5000";

    private final Map<String, TopicIdentity> before;
    private final FitTopics of;
    private final Topics topics;
    private final String application;
    private final Admin admin;
    private final Consumer<Throwable> failed;
    private final Thread thread;
    private final Map<TopicPartition, Held> held = new HashMap<>();
    private final Set<String> said = new HashSet<>();

    /** Where a partition's committed records end though it has others behind them, and since when. */
    private record Held(long offset, long since) {}

    /**
     * Starts to watch.
     *
     * @param before what the topics were when the fitter began
     * @param failed hears, once, of what the fitter cannot go on with
     */
    FitTopicsWatch(
            Connection connection,
            FitterSettings settings,
            FitTopics of,
            Map<String, TopicIdentity> before,
            Consumer<Throwable> failed) {
        this.before = before;
        this.of = of;
        this.failed = failed;
        topics = connection.topics();
        application = settings.applicationId(topics);
        admin = Admin.create(configs(connection));
        thread = new Thread(this::run, "calibrant-fitter-topics");
        thread.setDaemon(true);
        thread.start();
    }

    private static Map<String, Object> configs(Connection connection) {
        Map<String, Object> configs = connection.admin();
        configs.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, PATIENCE_MS);
        configs.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, PATIENCE_MS);
        return configs;
    }

    private void run() {
        try {
            while (true) {
                String change = change();
                if (change != null) {
                    failed.accept(new IllegalStateException(change));
                    return;
                }
                look();
                Thread.sleep(LOOK.toMillis());
            }
        } catch (InterruptedException e) {
            // Closed.
        }
    }

    private void look() throws InterruptedException {
        try {
            List<String> inputs =
                    List.of(topics.statistics(), topics.answers(), topics.labels(), topics.predictiveStatistics());
            tellOfDeletedRecords(inputs);
            List<String> read = new ArrayList<>(inputs);
            read.add(topics.runs());
            read.addAll(StoreNames.repartitionTopics(application));
            tellOfOpenTransactions(read);
        } catch (ExecutionException | KafkaException e) {
            LOG.debug("the topics cannot be looked at", e); // away, or not allowed: the next look may say more
        }
    }

    /**
     * What has become of the topics, and what to do; null where nothing has changed, or nobody answers. Looks twice,
     * and for half a minute where one is gone: a broker that has just started may not know every topic yet.
     */
    String change() throws InterruptedException {
        try {
            return change(of, before, () -> TopicIdentity.of(admin, before.keySet()), FitTopics.AGAIN);
        } catch (ExecutionException | KafkaException e) {
            return null;
        }
    }

    /** The same of any cluster. */
    static String change(FitTopics of, Map<String, TopicIdentity> before, FitTopics.Look look, Duration pause)
            throws InterruptedException, ExecutionException {
        for (int looks = 1; ; looks++) {
            Map<String, TopicIdentity> now = look.now();
            String change = of.change(before, now);
            int enough = LOOKS;
            if (change == null) {
                change = of.gone(before, now);
                enough = FitTopics.LOOKS_FOR_ABSENT;
            }
            if (change == null || looks >= enough) {
                return change;
            }
            Thread.sleep(pause.toMillis());
        }
    }

    private void tellOfDeletedRecords(List<String> inputs) throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetAndMetadata> committed = admin.listConsumerGroupOffsets(application)
                .partitionsToOffsetAndMetadata()
                .get();
        ends(inputs, OffsetSpec.earliest(), IsolationLevel.READ_COMMITTED).forEach((partition, first) -> {
            OffsetAndMetadata next = committed.get(partition);
            long from = next == null ? 0 : next.offset();
            if (first.offset() > from) {
                tell("topic " + partition.topic() + ", partition " + partition.partition() + ": offsets " + from
                        + " to "
                        + (first.offset() - 1)
                        + " are gone, by its retention or by hand, before this fit has read them;"
                        + " what was in them is missing");
            }
        });
    }

    private void tellOfOpenTransactions(List<String> read) throws InterruptedException, ExecutionException {
        Map<TopicPartition, ListOffsetsResultInfo> ends =
                ends(read, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        Map<TopicPartition, ListOffsetsResultInfo> stable =
                ends(read, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED);
        long now = System.nanoTime();
        Set<String> heldUp = new HashSet<>();
        stable.forEach((partition, committed) -> {
            if (!ends.containsKey(partition)
                    || committed.offset() >= ends.get(partition).offset()) {
                held.remove(partition);
                return;
            }
            Held was = held.get(partition);
            if (was == null || was.offset != committed.offset()) {
                held.put(partition, new Held(committed.offset(), now));
            } else if (now - was.since >= HELD_UP.toNanos() && said.add(partition + " " + committed.offset())) {
                heldUp.add(partition.topic());
                LOG.warn(
                        "topic {}, partition {}: waiting at offset {}, behind which nothing can be read: a transaction"
                                + " is open since {} s or more",
                        partition.topic(),
                        partition.partition(),
                        committed.offset(),
                        (now - was.since) / 1_000_000_000);
            }
        });
        if (!heldUp.isEmpty()) {
            String words = OpenTransactions.oldest(admin, heldUp, Duration.ZERO);
            if (words != null) {
                LOG.warn("{}", words);
            }
        }
    }

    private Map<TopicPartition, ListOffsetsResultInfo> ends(List<String> of, OffsetSpec spec, IsolationLevel isolation)
            throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (String topic : of) {
            int partitions = before.containsKey(topic) ? before.get(topic).partitions() : 0;
            for (int partition = 0; partition < partitions; partition++) {
                asked.put(new TopicPartition(topic, partition), spec);
            }
        }
        return admin.listOffsets(asked, new ListOffsetsOptions(isolation)).all().get();
    }

    private void tell(String words) {
        if (said.add(words)) {
            LOG.warn("{}", words);
        }
    }

    @Override
    public void close() {
        thread.interrupt();
        admin.close(Duration.ZERO);
    }
}
