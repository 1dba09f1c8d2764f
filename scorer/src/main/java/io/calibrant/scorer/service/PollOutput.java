package io.calibrant.scorer.service;

import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.DeadLetters;
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
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.Serializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The records that one poll sends, and its counts. Not thread-safe. */
final class PollOutput {
    private static final Logger LOG = LoggerFactory.getLogger(PollOutput.class);

    /** Bytes of a dead letter that every topic takes. */
    private static final int SHORT_LETTER = 16 << 10;

    private final Topics topics;
    private final Serializer<Answer> answers;
    private final Serializer<PredictiveStatistics> statistics;
    private final ScorerListener listener;
    private final DeadLetters letters;
    private final DeadLetters shortLetters;
    private final List<Sent> all = new ArrayList<>();
    private long tokens;
    private long padding;

    /** What a record is to its question. */
    private enum Part {
        ANSWER,
        STATISTICS,
        DEAD_LETTER,
        /** A dead letter with only the beginning of what was received. */
        SHORT_DEAD_LETTER
    }

    /** A record that is sent, and the question that it is sent for. */
    private record Sent(
            ConsumerRecord<byte[], byte[]> question,
            Part part,
            ProducerRecord<byte[], byte[]> record,
            Answer answer,
            DeadLetterReason kind,
            BadQuestionException reason) {
        private static Sent letter(
                ConsumerRecord<byte[], byte[]> question,
                Part part,
                ProducerRecord<byte[], byte[]> letter,
                DeadLetterReason kind,
                BadQuestionException reason) {
            return new Sent(question, part, letter, null, kind, reason);
        }
    }

    /** @param listener hears of the predictive statistics that are sent, and how long stages take */
    PollOutput(
            Topics topics,
            Serializer<Answer> answers,
            Serializer<PredictiveStatistics> statistics,
            ScorerListener listener) {
        this.topics = topics;
        this.answers = answers;
        this.statistics = statistics;
        this.listener = listener;
        this.letters = new DeadLetters(topics.scorerDeadLetters(), Topics.MAX_RECORD_BYTES);
        this.shortLetters = new DeadLetters(topics.scorerDeadLetters(), SHORT_LETTER);
    }

    /** For any topic, in the order in which they were added. */
    List<ProducerRecord<byte[], byte[]>> records() {
        return all.stream().map(Sent::record).toList();
    }

    ScorerListener.Committed counts() {
        return new ScorerListener.Committed(
                tokens,
                padding,
                all.stream()
                        .filter(sent -> sent.part() != Part.STATISTICS)
                        .map(sent -> new ScorerListener.Settled(
                                sent.question().topic(), sent.question().timestamp(), sent.answer(), sent.kind()))
                        .toList());
    }

    /** A stage of the poll has taken so long. */
    void took(ScorerListener.Stage stage, long nanos) {
        listener.took(stage, nanos);
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
    void reject(ConsumerRecord<byte[], byte[]> record, DeadLetterReason kind, BadQuestionException e) {
        LOG.warn(
                "question at {}-{} offset {} rejected: {}",
                record.topic(),
                record.partition(),
                record.offset(),
                e.getMessage());
        all.add(Sent.letter(record, Part.DEAD_LETTER, letters.of(record, e), kind, e));
    }

    /**
     * Puts something smaller in the place of a record that its topic does not take: of an answer the dead letter of its
     * question, of a dead letter one with only the beginning of what was received. Statistics are left out.
     *
     * @param tooLarge one of {@link #records}
     * @param why naming topic, size and limit
     * @throws KafkaException if nothing smaller can take its place
     */
    @SuppressWarnings("ReferenceEquality") // two questions may have equal answers
    void shrink(ProducerRecord<byte[], byte[]> tooLarge, String why) {
        Sent sent = all.stream()
                .filter(each -> each.record() == tooLarge)
                .findFirst()
                .orElse(null);
        if (sent == null) {
            return; // it went with another record of its question
        }
        switch (sent.part()) {
            case ANSWER -> {
                all.removeIf(each -> each.question() == sent.question());
                reject(
                        sent.question(),
                        DeadLetterReason.OVERSIZED,
                        new BadQuestionException("the answer cannot be sent: " + why));
            }
            case STATISTICS -> {
                LOG.warn(
                        "no predictive statistics of question at {}-{} offset {}: {}",
                        sent.question().topic(),
                        sent.question().partition(),
                        sent.question().offset(),
                        why);
                all.remove(sent);
            }
            case DEAD_LETTER ->
                all.set(
                        all.indexOf(sent),
                        Sent.letter(
                                sent.question(),
                                Part.SHORT_DEAD_LETTER,
                                shortLetters.of(sent.question(), sent.reason()),
                                sent.kind(),
                                sent.reason()));
            case SHORT_DEAD_LETTER -> throw new KafkaException(why);
        }
    }

    /** Adds the answer of a question, with its statistics, or its dead letter. */
    void add(ConsumerRecord<byte[], byte[]> record, Outcome outcome) {
        if (outcome instanceof Outcome.Answered done) {
            byte[] value = answers.serialize(topics.answers(), done.answer());
            // The id, which need not be the key of the question: answers meet their labels under it.
            byte[] key = done.answer().getQuestionId().getBytes(StandardCharsets.UTF_8);
            all.add(new Sent(
                    record,
                    Part.ANSWER,
                    new ProducerRecord<>(topics.answers(), key, value),
                    done.answer(),
                    null,
                    null));
            done.statistics().ifPresent(measured -> add(record, key, measured));
        } else if (outcome instanceof Outcome.Rejected failed) {
            reject(record, DeadLetterReason.FAILED, failed.reason());
        }
    }

    private void add(ConsumerRecord<byte[], byte[]> record, byte[] key, PredictiveStatistics measured) {
        byte[] value = statistics.serialize(topics.predictiveStatistics(), measured);
        if (value.length + key.length > Topics.MAX_RECORD_BYTES / 2) {
            LOG.warn(
                    "no predictive statistics of question '{}': {} bytes are too many for a record",
                    measured.getQuestionId(),
                    value.length);
            return;
        }
        all.add(new Sent(
                record,
                Part.STATISTICS,
                new ProducerRecord<>(topics.predictiveStatistics(), key, value),
                null,
                null,
                null));
        listener.measured(measured.getRunId(), value.length);
    }
}
