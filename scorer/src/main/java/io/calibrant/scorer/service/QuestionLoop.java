package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.scorer.answering.BadQuestionException;
import io.calibrant.scorer.answering.Outcome;
import io.calibrant.scorer.answering.QuestionReader;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.TokenizedQuestion;
import io.calibrant.scorer.serving.FitModel;
import io.calibrant.scorer.serving.Lease;
import io.calibrant.scorer.serving.ModelTable;
import io.calibrant.scorer.serving.Target;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes questions and delivers their answers, their dead letters and the offsets together, poll by poll. Values are
 * read as bytes, so that one bad record costs nothing but itself. A question is taken only when the ones before it are
 * delivered: what is too much stays on the topic.
 */
final class QuestionLoop implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(QuestionLoop.class);

    /** Batches in one poll: room to sort by length. */
    private static final int BATCHES = 4;

    /** A question is small: so much of them is fetched ahead, bytes; a larger one still comes through. */
    private static final int FETCHED = 1 << 20;

    private final ScorerSettings settings;
    private final ModelTable table;
    private final ScorerListener listener;
    private final Consumer<byte[], byte[]> consumer;
    private final Delivery delivery;
    private final QuestionBatch batch = new QuestionBatch();
    private final QuestionReader reader;
    private final Serializer<Answer> answers;
    private final Serializer<PredictiveStatistics> statistics;
    private final Topics topics;

    /** How outcomes go out, for a consumer of questions. */
    @FunctionalInterface
    interface Deliveries {
        Delivery of(Connection connection, String group, Consumer<byte[], byte[]> consumer);
    }

    /** @param consumer of questions, in no group yet; closed with this object, as the delivery is */
    QuestionLoop(
            Connection connection,
            ScorerSettings settings,
            ModelTable table,
            ScorerListener listener,
            Consumer<byte[], byte[]> consumer,
            Delivery delivery) {
        this.settings = settings;
        this.table = table;
        this.listener = listener;
        this.reader = new QuestionReader(
                connection.deserializer(Question.class), settings.answering().tier());
        this.answers = connection.serializer(Answer.class);
        this.statistics = connection.serializer(PredictiveStatistics.class);
        this.topics = connection.topics();
        this.consumer = consumer;
        this.delivery = delivery;
        consumer.subscribe(List.of(topics.questions()), batch);
    }

    /** A loop in the consumer group of the settings. */
    static QuestionLoop join(
            Connection connection,
            ScorerSettings settings,
            ModelTable table,
            ScorerListener listener,
            Deliveries deliveries) {
        // Installations on one cluster are kept apart by their prefix, in this as in the topics.
        String group = connection.topicPrefix() + settings.group();
        Map<String, Object> configs = new HashMap<>(connection.consumer(group));
        configs.put(
                ConsumerConfig.MAX_POLL_RECORDS_CONFIG,
                BATCHES * settings.poll().batchSize());
        configs.put(ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG, (int)
                Duration.ofMinutes(10).toMillis());
        configs.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, FETCHED);
        configs.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FETCHED);
        // What a killed scorer held goes to another after this.
        configs.putIfAbsent(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, (int)
                Duration.ofSeconds(10).toMillis());
        Consumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        return new QuestionLoop(
                connection, settings, table, listener, consumer, deliveries.of(connection, group, consumer));
    }

    /** One question and what it is to be answered with. */
    private record Pending(ConsumerRecord<byte[], byte[]> record, QuestionReader.Read read, Target target) {}

    /** One question that the model can be asked. */
    private record Ready(ConsumerRecord<byte[], byte[]> record, Target target, Tier tier, TokenizedQuestion asked) {
        boolean isMeasured() {
            return asked.purpose() == Purpose.VALIDATION && tier == Tier.ALL;
        }
    }

    /** Questions that may share a forward pass. A model is like no other but itself. */
    private record Kind(FitModel model, Tier tier, boolean measured) {}

    /** What goes out of a poll. */
    private final class Outgoing {
        private final List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        private int answered;
        private int rejected;
        private long tokens;
        private long padding;

        void reject(ConsumerRecord<byte[], byte[]> record, BadQuestionException e) {
            LOG.warn(
                    "question at {}-{} offset {} rejected: {}",
                    record.topic(),
                    record.partition(),
                    record.offset(),
                    e.getMessage());
            records.add(QuestionDeadLetters.of(topics.scorerDeadLetters(), record, e));
            rejected++;
        }

        void add(ConsumerRecord<byte[], byte[]> record, Outcome outcome) {
            if (outcome instanceof Outcome.Answered done) {
                answered++;
                byte[] value = answers.serialize(topics.answers(), done.answer());
                records.add(new ProducerRecord<>(topics.answers(), record.key(), value));
                done.statistics().ifPresent(measured -> add(record, measured));
            } else if (outcome instanceof Outcome.Rejected failed) {
                reject(record, failed.reason());
            }
        }

        private void add(ConsumerRecord<byte[], byte[]> record, PredictiveStatistics measured) {
            byte[] value = statistics.serialize(topics.predictiveStatistics(), measured);
            if (value.length + record.key().length > Topics.MAX_RECORD_BYTES / 2) {
                LOG.warn(
                        "no predictive statistics of question '{}': {} bytes are too many for a record",
                        measured.getQuestionId(),
                        value.length);
                return;
            }
            records.add(new ProducerRecord<>(topics.predictiveStatistics(), record.key(), value));
            listener.measured(measured.getRunId(), value.length);
        }
    }

    /**
     * One poll, answered with one version of each model.
     *
     * @throws RuntimeException if the registry cannot be asked, or this scorer may not go on: nothing of the poll is
     *     committed then, and its questions will come again, here or elsewhere
     */
    void poll(Duration timeout) {
        if (!table.awaitReady(timeout)) {
            return;
        }
        delivery.prepare();
        batch.gather(
                consumer, timeout, settings.poll().batchSize(), settings.poll().linger());
        if (batch.isEmpty()) {
            return;
        }
        boolean done = false;
        try {
            Outgoing out = new Outgoing();
            if (answer(out)) {
                done = true; // from here on the delivery knows where to go on
                if (delivery.deliver(out.records, batch.offsets())) {
                    listener.committed(
                            new ScorerListener.Committed(out.answered, out.rejected, out.tokens, out.padding));
                }
            }
        } finally {
            if (!done) {
                batch.giveBack(consumer);
            }
        }
    }

    /** False if a run has lost its posterior in between: then nothing is said about any question. */
    private boolean answer(Outgoing out) {
        List<Pending> pending = new ArrayList<>();
        Set<Target> wanted = new LinkedHashSet<>();
        Set<String> strangers = new HashSet<>();
        boolean current = false;
        for (ConsumerRecord<byte[], byte[]> record : batch.records()) {
            try {
                QuestionReader.Read read = reader.read(record);
                String run = read.run() == null ? settings.serving().runs().get(0) : read.run();
                Target target =
                        new Target(run, read.fit() == null ? settings.serving().fit() : read.fit());
                pending.add(new Pending(record, read, target));
                if (settings.serving().runs().contains(run)) {
                    wanted.add(target);
                    // They were sent because a fit is complete: an older one must not answer them.
                    current |= read.purpose() == Purpose.VALIDATION;
                } else {
                    strangers.add(run);
                }
            } catch (BadQuestionException e) {
                out.reject(record, e);
            }
        }
        Lease lease = table.lease(wanted, strangers, current);
        try {
            if (!lease.ready()) {
                return false;
            }
            List<Ready> ready = ready(pending, lease, out);
            Map<String, Set<Integer>> missing = missingTokens(ready, lease);
            if (!missing.isEmpty()) {
                lease.close();
                lease = table.leaseWith(missing, wanted);
            }
            for (Ready each : ready) {
                if (!lease.models().containsKey(each.target())) {
                    return false;
                }
            }
            answer(ready, lease, out);
            return true;
        } finally {
            lease.close();
        }
    }

    /** Those that can be asked; the others are rejected, but for what other scorers are there for. */
    private List<Ready> ready(List<Pending> pending, Lease lease, Outgoing out) {
        List<Ready> ready = new ArrayList<>();
        for (Pending each : pending) {
            Target target = each.target();
            try {
                if (!settings.serving().runs().contains(target.run())) {
                    if (lease.unknown().contains(target.run())) {
                        throw new BadQuestionException(Require.message(
                                "run",
                                target.run(),
                                "one on topic " + topics.runs() + ", or empty for '"
                                        + settings.serving().runs().get(0) + "'"));
                    }
                    continue;
                }
                io.calibrant.trainer.prompts.Question question = reader.question(each.read());
                Tier tier = reader.tier(each.read());
                FitModel model = lease.models().get(target);
                if (model == null) {
                    throw new BadQuestionException("fit '" + target.fit() + "' cannot answer: "
                            + lease.refusals().get(target));
                }
                ready.add(new Ready(
                        each.record(),
                        target,
                        tier,
                        model.read(question, each.read().purpose())));
            } catch (BadQuestionException e) {
                out.reject(each.record(), e);
            }
        }
        return ready;
    }

    private static Map<String, Set<Integer>> missingTokens(List<Ready> ready, Lease lease) {
        Map<String, Set<Integer>> missing = new HashMap<>();
        for (Ready each : ready) {
            Set<Integer> known = lease.models().get(each.target()).tokens();
            for (int token : each.asked().choices()) {
                if (!known.contains(token)) {
                    missing.computeIfAbsent(each.target().run(), run -> new HashSet<>())
                            .add(token);
                }
            }
        }
        return missing;
    }

    /** Answers in batches of like ones: by number of choices, then by length. */
    private void answer(List<Ready> ready, Lease lease, Outgoing out) {
        Map<Kind, List<Ready>> kinds = new LinkedHashMap<>();
        for (Ready each : ready) {
            kinds.computeIfAbsent(
                            new Kind(lease.models().get(each.target()), each.tier(), each.isMeasured()),
                            kind -> new ArrayList<>())
                    .add(each);
        }
        kinds.forEach((kind, all) -> {
            all.sort(Comparator.<Ready>comparingInt(each -> each.asked().choiceCount())
                    .thenComparingInt(each -> each.asked().length()));
            for (int from = 0; from < all.size(); from += settings.poll().batchSize()) {
                answer(
                        kind,
                        all.subList(
                                from,
                                Math.min(all.size(), from + settings.poll().batchSize())),
                        out);
            }
        });
    }

    private static void answer(Kind kind, List<Ready> alike, Outgoing out) {
        List<TokenizedQuestion> questions = alike.stream().map(Ready::asked).toList();
        List<Outcome> outcomes = kind.model().answer(kind.tier(), questions, kind.measured());
        int longest =
                questions.stream().mapToInt(TokenizedQuestion::length).max().orElse(0);
        for (int i = 0; i < alike.size(); i++) {
            out.tokens += longest;
            out.padding += longest - questions.get(i).length();
            out.add(alike.get(i).record(), outcomes.get(i));
        }
    }

    /** Makes a waiting {@link #poll} throw a WakeupException; from any thread. */
    void wakeup() {
        consumer.wakeup();
    }

    @Override
    public void close() {
        try (consumer;
                delivery) {
            // An open transaction is aborted; the group is left.
        }
    }
}
