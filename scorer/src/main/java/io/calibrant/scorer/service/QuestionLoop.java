package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Question;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApplicationRecoverableException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes questions and commits their answers, their dead letters and the offsets in one transaction a poll: a question has
 * one committed answer or one committed dead letter, whatever happens in between. Values are read as bytes, so that one bad
 * record costs nothing but itself.
 */
final class QuestionLoop implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(QuestionLoop.class);

    /** Batches in one poll: room to sort by length. */
    private static final int BATCHES = 4;

    private static final int MOST_FAILURES = 5;

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final KafkaProducer<byte[], byte[]> producer;
    private final QuestionReader reader;
    private final Serializer<Answer> answers;
    private final String answerTopic;
    private final String deadLetterTopic;
    private int failures;

    /** Joins the run's consumer group under a transactional id of its own. */
    QuestionLoop(Connection connection, ScorerSettings settings) {
        this.reader = new QuestionReader(connection.deserializer(Question.class), settings.run(), settings.fit());
        this.answers = connection.serializer(Answer.class);
        this.answerTopic = connection.topics().answers();
        this.deadLetterTopic = connection.topics().scorerDeadLetters();
        Map<String, Object> in = new HashMap<>(connection.consumer(settings.group()));
        in.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, BATCHES * settings.batchSize());
        in.put(ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG, (int)
                Duration.ofMinutes(10).toMillis());
        Map<String, Object> out = new HashMap<>(connection.producer());
        out.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, settings.group() + "-" + UUID.randomUUID());
        // A transaction spans the sends only, never the scoring: what a killed scorer leaves open is short.
        out.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, (int)
                Duration.ofSeconds(10).toMillis());
        this.producer = new KafkaProducer<>(out, new ByteArraySerializer(), new ByteArraySerializer());
        this.consumer = new KafkaConsumer<>(in, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        producer.initTransactions();
        consumer.subscribe(List.of(connection.topics().questions()));
    }

    /** One question of a poll and, in the end, what is sent for it. */
    private record Pending(ConsumerRecord<byte[], byte[]> record, AnswerModel.Prompted prompted) {}

    /**
     * One poll: at most four batches of questions, answered with one model.
     *
     * @throws RuntimeException if the registry cannot be asked, or this scorer may not go on: the poll is not committed
     *     then and another scorer will take it
     */
    void poll(Duration timeout, AnswerModel model, ScorerListener listener) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(timeout);
        if (records.isEmpty()) {
            return;
        }
        List<ProducerRecord<byte[], byte[]>> out = new ArrayList<>();
        List<Pending> pending = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            try {
                Optional<QuestionReader.Asked> asked = reader.read(record);
                if (asked.isPresent()) {
                    pending.add(new Pending(record, model.prompt(asked.get())));
                }
            } catch (BadQuestionException e) {
                out.add(deadLetter(record, e));
            }
        }
        List<AnswerModel.Outcome> outcomes =
                model.answer(pending.stream().map(Pending::prompted).toList());
        int answered = 0;
        for (int i = 0; i < outcomes.size(); i++) {
            ConsumerRecord<byte[], byte[]> record = pending.get(i).record();
            if (outcomes.get(i).answer() != null) {
                byte[] value = answers.serialize(answerTopic, outcomes.get(i).answer());
                out.add(new ProducerRecord<>(answerTopic, record.key(), value));
                answered++;
            } else {
                out.add(deadLetter(record, outcomes.get(i).reason()));
            }
        }
        if (commit(out, records.nextOffsets())) {
            listener.committed(answered, out.size() - answered);
        }
    }

    private ProducerRecord<byte[], byte[]> deadLetter(ConsumerRecord<byte[], byte[]> record, BadQuestionException e) {
        LOG.warn(
                "question at {}-{} offset {} rejected: {}",
                record.topic(),
                record.partition(),
                record.offset(),
                e.getMessage());
        return DeadLetters.of(deadLetterTopic, record, e);
    }

    /** @return false if the transaction was aborted, the partitions being another's now, and the poll will come again */
    private boolean commit(List<ProducerRecord<byte[], byte[]>> out, Map<TopicPartition, OffsetAndMetadata> offsets) {
        try {
            producer.beginTransaction();
            for (ProducerRecord<byte[], byte[]> record : out) {
                Future<RecordMetadata> unused = producer.send(record); // a failed send fails the commit
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            producer.commitTransaction();
            failures = 0;
            return true;
        } catch (ApplicationRecoverableException | InvalidConfigurationException | WakeupException e) {
            // Fenced, or not allowed: this producer cannot go on.
            throw e;
        } catch (KafkaException e) {
            if (++failures >= MOST_FAILURES) {
                throw e;
            }
            LOG.warn("transaction aborted, its questions are asked again: {}", e.toString());
            producer.abortTransaction();
            rewind();
            return false;
        }
    }

    private void rewind() {
        Set<TopicPartition> assignment = consumer.assignment();
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(assignment);
        for (TopicPartition partition : assignment) {
            OffsetAndMetadata offset = committed.get(partition);
            if (offset == null) {
                consumer.seekToBeginning(Set.of(partition));
            } else {
                consumer.seek(partition, offset);
            }
        }
    }

    /** Makes a waiting {@link #poll} throw a WakeupException; from any thread. */
    void wakeup() {
        consumer.wakeup();
    }

    @Override
    public void close() {
        try (producer;
                consumer) {
            // Open transactions are aborted by the close; the group is left.
        }
    }
}
