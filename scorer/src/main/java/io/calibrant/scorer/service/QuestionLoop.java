package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.scorer.service.FitModel.Outcome;
import io.calibrant.scorer.service.FitModel.Prompted;
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
    private final Serving serving;
    private final ScorerListener listener;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Delivery delivery;
    private final Gathered gathered = new Gathered();
    private final QuestionReader reader;
    private final Serializer<Answer> answers;
    private final Serializer<PredictiveStatistics> statistics;
    private final Topics topics;

    /** How outcomes go out, for a consumer of questions. */
    @FunctionalInterface
    interface Deliveries {
        Delivery of(Connection connection, String group, Consumer<byte[], byte[]> consumer);
    }

    /** Joins the consumer group of the settings. */
    QuestionLoop(
            Connection connection,
            ScorerSettings settings,
            Serving serving,
            ScorerListener listener,
            Deliveries deliveries) {
        this.settings = settings;
        this.serving = serving;
        this.listener = listener;
        this.reader = new QuestionReader(connection.deserializer(Question.class), settings.tier());
        this.answers = connection.serializer(Answer.class);
        this.statistics = connection.serializer(PredictiveStatistics.class);
        this.topics = connection.topics();
        // Installations on one cluster are kept apart by their prefix, in this as in the topics.
        String group = connection.topicPrefix() + settings.group();
        Map<String, Object> in = new HashMap<>(connection.consumer(group));
        in.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, BATCHES * settings.batchSize());
        in.put(ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG, (int)
                Duration.ofMinutes(10).toMillis());
        in.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, FETCHED);
        in.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FETCHED);
        // What a killed scorer held is another's after this.
        in.putIfAbsent(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, (int)
                Duration.ofSeconds(10).toMillis());
        this.consumer = new KafkaConsumer<>(in, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        this.delivery = deliveries.of(connection, group, consumer);
        consumer.subscribe(List.of(topics.questions()), gathered);
    }

    /** One question and what it is to be answered with. */
    private record Pending(ConsumerRecord<byte[], byte[]> record, QuestionReader.Read read, Target target) {}

    /** One question that the model can be asked. */
    private record Ready(ConsumerRecord<byte[], byte[]> record, Target target, Tier tier, Prompted prompted) {
        boolean isMeasured() {
            return prompted.purpose() == Purpose.VALIDATION && tier == Tier.ALL;
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
            records.add(DeadLetters.of(topics.scorerDeadLetters(), record, e));
            rejected++;
        }

        void add(ConsumerRecord<byte[], byte[]> record, Outcome outcome) {
            if (outcome.answer() == null) {
                reject(record, outcome.reason());
                return;
            }
            answered++;
            byte[] value = answers.serialize(topics.answers(), outcome.answer());
            records.add(new ProducerRecord<>(topics.answers(), record.key(), value));
            if (outcome.statistics() != null) {
                byte[] measured = statistics.serialize(topics.predictiveStatistics(), outcome.statistics());
                if (measured.length + record.key().length > Topics.MAX_RECORD_BYTES / 2) {
                    LOG.warn(
                            "no predictive statistics of question '{}': {} bytes are too many for a record",
                            outcome.answer().getQuestionId(),
                            measured.length);
                    return;
                }
                records.add(new ProducerRecord<>(topics.predictiveStatistics(), record.key(), measured));
                listener.measured(outcome.answer().getRunId(), measured.length);
            }
        }
    }

    /**
     * One poll, answered with one version of each model.
     *
     * @throws RuntimeException if the registry cannot be asked, or this scorer may not go on: nothing of the poll is
     *     committed then, and its questions will come again, here or elsewhere
     */
    void poll(Duration timeout) {
        if (!serving.awaitReady(timeout)) {
            return;
        }
        delivery.prepare();
        gathered.gather(consumer, timeout, settings.batchSize(), settings.linger());
        if (gathered.isEmpty()) {
            return;
        }
        boolean done = false;
        try {
            Outgoing out = new Outgoing();
            if (answer(out)) {
                done = true; // from here on the delivery knows where to go on
                if (delivery.deliver(out.records, gathered.offsets())) {
                    listener.committed(
                            new ScorerListener.Committed(out.answered, out.rejected, out.tokens, out.padding));
                }
            }
        } finally {
            if (!done) {
                gathered.giveBack(consumer);
            }
        }
    }

    /** False if a run has lost its posterior in between: then nothing is said about any question. */
    private boolean answer(Outgoing out) {
        List<Pending> pending = new ArrayList<>();
        Set<Target> wanted = new LinkedHashSet<>();
        Set<String> strangers = new HashSet<>();
        boolean current = false;
        for (ConsumerRecord<byte[], byte[]> record : gathered.records()) {
            try {
                QuestionReader.Read read = reader.read(record);
                String run = read.run() == null ? settings.runs().get(0) : read.run();
                Target target = new Target(run, read.fit() == null ? settings.fit() : read.fit());
                pending.add(new Pending(record, read, target));
                if (settings.runs().contains(run)) {
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
        Lease lease = serving.lease(wanted, strangers, current);
        try {
            if (!lease.ready()) {
                return false;
            }
            List<Ready> ready = ready(pending, lease, out);
            Map<String, Set<Integer>> missing = missingTokens(ready, lease);
            if (!missing.isEmpty()) {
                lease.close();
                lease = serving.leaseWith(missing, wanted);
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
                if (!settings.runs().contains(target.run())) {
                    if (lease.unknown().contains(target.run())) {
                        throw new BadQuestionException("run '" + target.run()
                                + "' is not on the topics: accepted is a run that was trained, or none for this scorer's "
                                + settings.runs().get(0));
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
                        new Prompted(model.prompts().read(question), each.read().purpose())));
            } catch (BadQuestionException e) {
                out.reject(each.record(), e);
            }
        }
        return ready;
    }

    private static Map<String, Set<Integer>> missingTokens(List<Ready> ready, Lease lease) {
        Map<String, Set<Integer>> missing = new HashMap<>();
        for (Ready each : ready) {
            Set<Integer> known =
                    lease.models().get(each.target()).projections().weights().tokens();
            for (int token : each.prompted().prompt().classes()) {
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
            all.sort(Comparator.<Ready>comparingInt(each -> each.prompted().choices())
                    .thenComparingInt(each -> each.prompted().length()));
            for (int from = 0; from < all.size(); from += settings.batchSize()) {
                answer(kind, all.subList(from, Math.min(all.size(), from + settings.batchSize())), out);
            }
        });
    }

    private static void answer(Kind kind, List<Ready> batch, Outgoing out) {
        List<Prompted> prompts = batch.stream().map(Ready::prompted).toList();
        List<Outcome> outcomes = kind.model().answer(kind.tier(), prompts, kind.measured());
        int longest = prompts.stream().mapToInt(Prompted::length).max().orElse(0);
        for (int i = 0; i < batch.size(); i++) {
            out.tokens += longest;
            out.padding += longest - prompts.get(i).length();
            out.add(batch.get(i).record(), outcomes.get(i));
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
