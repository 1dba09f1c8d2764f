package io.calibrant.scorer.service;

import io.calibrant.schemas.BrokerLimits;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.scorer.serving.ModelTable;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Takes questions and delivers their answers, their dead letters and the offsets together, poll by poll. Values are
 * read as bytes, so that one bad record costs nothing but itself. Back-pressure: a question is taken only when those
 * before it are delivered, so that a backlog stays on the topic. Not thread-safe; confined to one thread, but for
 * {@link #wakeup}.
 */
final class QuestionLoop implements AutoCloseable {
    /** Batches in one poll, among which questions are sorted by length. */
    private static final int BATCHES = 4;

    /** Bytes of questions that are fetched ahead; a single question that is larger still comes through. */
    private static final int FETCHED = 1 << 20;

    /** A poll that takes longer loses its questions: they are given to another member of the group. */
    static final Duration LONGEST = Duration.ofMinutes(10);

    /** A poll that waits for partitions waits for no question, so that they are placed soon. */
    private static final Duration JOINING = Duration.ofMillis(100);

    private final ScorerSettings settings;
    private final ModelTable table;
    private final ScorerListener listener;
    private final Consumer<byte[], byte[]> consumer;
    private final Delivery delivery;
    private final RetainedQuestions retained;
    private final QuestionBatch batch;
    private final PollAnswerer answerer;
    private final Serializer<Answer> answers;
    private final Serializer<PredictiveStatistics> statistics;
    private final Topics topics;

    /** Makes the delivery of a consumer of questions. */
    @FunctionalInterface
    interface Deliveries {
        Delivery of(Connection connection, String group, Consumer<byte[], byte[]> consumer);
    }

    /**
     * Subscribes to the questions.
     *
     * @param consumer of questions, in no group yet; closed with this object, as the delivery is
     * @param groups where the other scorers are
     */
    QuestionLoop(
            Connection connection,
            ScorerSettings settings,
            ModelTable table,
            ScorerListener listener,
            Consumer<byte[], byte[]> consumer,
            Delivery delivery,
            ScorerGroups groups) {
        this.settings = settings;
        this.table = table;
        this.listener = listener;
        this.retained = new RetainedQuestions(
                settings.serving(),
                groups,
                consumer::committed,
                consumer::commitSync,
                ManagementFactory.getRuntimeMXBean().getStartTime());
        this.batch = new QuestionBatch(partitions -> {
            consumer.pause(partitions); // no question comes before it is known which ones are left alone
            retained.assigned(partitions);
        });
        this.answerer = new PollAnswerer(connection, settings, table, retained);
        this.answers = connection.serializer(Answer.class);
        this.statistics = connection.serializer(PredictiveStatistics.class);
        this.topics = connection.topics();
        this.consumer = consumer;
        this.delivery = delivery;
        consumer.subscribe(List.of(connection.topics().questions()), batch);
        listener.opened(consumer);
    }

    /** A loop in the consumer group of the settings. */
    static QuestionLoop join(
            Connection connection,
            ScorerSettings settings,
            ModelTable table,
            ScorerListener listener,
            Deliveries deliveries) {
        String group = settings.group(connection);
        Map<String, Object> configs = new HashMap<>(connection.consumer(group));
        configs.put(
                ConsumerConfig.MAX_POLL_RECORDS_CONFIG,
                BATCHES * settings.poll().batchSize());
        configs.put(ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG, (int) LONGEST.toMillis());
        // A topic that is deleted is not to be made again by a broker, with other settings than ours.
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        configs.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, FETCHED);
        configs.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FETCHED);
        // After this time the partitions of a killed scorer go to another.
        configs.putIfAbsent(
                ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG,
                BrokerLimits.of(connection).session((int) Duration.ofSeconds(10).toMillis()));
        Consumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        return new QuestionLoop(
                connection,
                settings,
                table,
                listener,
                consumer,
                deliveries.of(connection, group, consumer),
                new BrokerScorerGroups(connection));
    }

    /**
     * Polls once, answers with one version of each model, and commits.
     *
     * @throws RuntimeException if the registry cannot be asked, or this scorer may not go on: nothing of the poll is
     *     committed then, and its questions will be polled again, here or elsewhere
     */
    void poll(Duration timeout) {
        if (!table.awaitReady(timeout)) {
            retained.begin();
            return;
        }
        delivery.prepare();
        place();
        boolean joining = consumer.assignment().isEmpty() && timeout.compareTo(JOINING) > 0;
        batch.gather(
                consumer,
                joining ? JOINING : timeout,
                settings.poll().batchSize(),
                settings.poll().linger());
        listener.polled(this::waiting);
        if (batch.isEmpty()) {
            return;
        }
        boolean done = false;
        try {
            PollOutput output = new PollOutput(topics, answers, statistics, listener);
            if (answerer.answer(batch.records(), output)) {
                done = true; // from here on the delivery knows the offsets
                if (deliver(output)) {
                    listener.committed(output.counts());
                }
            }
        } finally {
            if (!done) {
                batch.giveBack(consumer);
            }
        }
    }

    private void place() {
        retained.place(consumer.assignment());
        Set<TopicPartition> ready = new HashSet<>(consumer.paused());
        ready.removeAll(retained.pending());
        consumer.resume(ready);
    }

    /** Questions between where the consumer is and the end of its partitions, as it knows them. */
    private long waiting() {
        return consumer.assignment().stream()
                .map(consumer::currentLag)
                .filter(OptionalLong::isPresent)
                .mapToLong(OptionalLong::getAsLong)
                .sum();
    }

    /** A record that its topic does not take is replaced until all are taken: it must not hold up the questions. */
    private boolean deliver(PollOutput output) {
        long begin = System.nanoTime();
        while (true) {
            try {
                boolean delivered = delivery.deliver(output.records(), retained.marked(batch.offsets()));
                listener.took(ScorerListener.Stage.DELIVER, System.nanoTime() - begin);
                return delivered;
            } catch (OversizedException e) {
                e.reasons().forEach(output::shrink);
            }
        }
    }

    /** Makes a waiting {@link #poll} throw a WakeupException; from any thread. */
    void wakeup() {
        consumer.wakeup();
    }

    @Override
    public void close() {
        listener.closing();
        try (consumer;
                delivery) {
            // An open transaction is aborted; the group is left.
        }
    }
}
