package io.calibrant.scorer.service;

import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.scorer.answering.BadQuestionException;
import io.calibrant.scorer.answering.Outcome;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.Serializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The records that one poll sends, and its counts. Not thread-safe. */
final class PollOutput {
    private static final Logger LOG = LoggerFactory.getLogger(PollOutput.class);

    private final Topics topics;
    private final Serializer<Answer> answers;
    private final Serializer<PredictiveStatistics> statistics;
    private final ScorerListener listener;
    private final List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    private int answered;
    private int rejected;
    private long tokens;
    private long padding;

    /** @param listener receives the predictive statistics that are sent */
    PollOutput(
            Topics topics,
            Serializer<Answer> answers,
            Serializer<PredictiveStatistics> statistics,
            ScorerListener listener) {
        this.topics = topics;
        this.answers = answers;
        this.statistics = statistics;
        this.listener = listener;
    }

    /** For any topic, in the order in which they were added. */
    List<ProducerRecord<byte[], byte[]>> records() {
        return records;
    }

    ScorerListener.Committed counts() {
        return new ScorerListener.Committed(answered, rejected, tokens, padding);
    }

    /**
     * Counts the tokens of a question that the model was given.
     *
     * @param own tokens of its prompt
     * @param padded tokens of the longest prompt of its batch
     */
    void computed(int own, int padded) {
        tokens += padded;
        padding += padded - own;
    }

    /** Adds the dead letter of a question. */
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

    /** Adds the answer of a question, with its statistics, or its dead letter. */
    void add(ConsumerRecord<byte[], byte[]> record, Outcome outcome) {
        if (outcome instanceof Outcome.Answered done) {
            answered++;
            byte[] value = answers.serialize(topics.answers(), done.answer());
            // The id, which need not be the key of the question: answers meet their labels under it.
            byte[] key = done.answer().getQuestionId().getBytes(StandardCharsets.UTF_8);
            records.add(new ProducerRecord<>(topics.answers(), key, value));
            done.statistics().ifPresent(measured -> add(key, measured));
        } else if (outcome instanceof Outcome.Rejected failed) {
            reject(record, failed.reason());
        }
    }

    private void add(byte[] key, PredictiveStatistics measured) {
        byte[] value = statistics.serialize(topics.predictiveStatistics(), measured);
        if (value.length + key.length > Topics.MAX_RECORD_BYTES / 2) {
            LOG.warn(
                    "no predictive statistics of question '{}': {} bytes are too many for a record",
                    measured.getQuestionId(),
                    value.length);
            return;
        }
        records.add(new ProducerRecord<>(topics.predictiveStatistics(), key, value));
        listener.measured(measured.getRunId(), value.length);
    }
}
