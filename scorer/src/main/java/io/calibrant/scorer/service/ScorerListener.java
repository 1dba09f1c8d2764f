package io.calibrant.scorer.service;

import io.calibrant.schemas.DeadLetterReason;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.scorer.serving.ServingListener;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;

/** Called by all threads of the scorer. */
public interface ScorerListener extends ServingListener {
    /** What takes the time of a poll. */
    enum Stage {
        /** Questions are read, checked and tokenized; models that they name are waited for. */
        READ,
        /** The models answer them. */
        PREDICT,
        /** Answers, dead letters and offsets are sent and committed. */
        DELIVER;

        /** As metrics write it. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A broker or a registry does not answer; it is asked again. Called once for each outage. */
    default void unavailable(String problem) {
        // nobody needs to listen
    }

    /** A thread takes questions from now on; called by it. */
    default void opened(Consumer<?, ?> questions) {
        // nobody needs to listen
    }

    /** A thread has a producer for its answers, in place of the one before it; called by the thread. */
    default void opened(Producer<?, ?> answers) {
        // nobody needs to listen
    }

    /** A thread takes no more questions; called by it, before its clients are closed. */
    default void closing() {
        // nobody needs to listen
    }

    /**
     * A thread has looked for questions; called by it.
     *
     * @param waiting counts, of its partitions, those that it has not taken yet; asks nobody
     */
    default void polled(LongSupplier waiting) {
        // nobody needs to listen
    }

    /** A stage of a poll has taken so long. */
    default void took(Stage stage, long nanos) {
        // nobody needs to listen
    }

    /** One poll is committed. */
    default void committed(Committed poll) {
        // nobody needs to listen
    }

    /**
     * Predictive statistics of a validation question go out with its answer.
     *
     * @param bytes of the record
     */
    default void measured(String run, int bytes) {
        // nobody needs to listen
    }

    /**
     * What became of the questions of one poll.
     *
     * @param tokens that were computed, padding included
     * @param padding how many of these are padding
     * @param questions one for each
     */
    record Committed(long tokens, long padding, List<Settled> questions) {
        /** The list is kept. */
        public Committed {
            questions = List.copyOf(questions);
        }

        /** How many were answered. */
        public int answered() {
            return (int) questions.stream().filter(Settled::isAnswered).count();
        }

        /** How many went to the dead-letter topic. */
        public int rejected() {
            return questions.size() - answered();
        }
    }

    /**
     * What became of a question.
     *
     * @param topic that it came on
     * @param timestamp of its record, milliseconds
     * @param answer null if it was rejected
     * @param reason why it was rejected; null if it was answered
     */
    record Settled(String topic, long timestamp, Answer answer, DeadLetterReason reason) {
        boolean isAnswered() {
            return answer != null;
        }
    }

    /** Both hear everything, this one first. */
    default ScorerListener and(ScorerListener other) {
        return new BothListeners(this, other);
    }

    /** Does nothing. */
    ScorerListener SILENT = new ScorerListener() {};
}
