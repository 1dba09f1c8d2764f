package io.calibrant.infra.topics;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.OversizedRecord;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.trainer.prompts.Question;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends questions and labels, and returns when the broker has all of them. */
public final class QuestionSender {
    private final Connection connection;

    public QuestionSender(Connection connection) {
        this.connection = connection;
    }

    /**
     * Sends questions, in their order.
     *
     * @param run the run to answer with; null: each group of scorers that runs answers with the first of its own
     * @param fit the fit to answer with; null: the scorer's own
     * @throws KafkaException if the broker does not take one
     */
    public void questions(List<Question> questions, Purpose purpose, String run, String fit) {
        questions(questions, purpose, run, fit, null);
    }

    /**
     * As {@link #questions(List, Purpose, String, String)}.
     *
     * @param tier which blocks are to carry the covariance; null: the scorer's own
     */
    public void questions(List<Question> questions, Purpose purpose, String run, String fit, String tier) {
        send(
                connection.topics().questions(),
                io.calibrant.schemas.avro.Question.class,
                questions.stream()
                        .map(question -> new Keyed<>(
                                Keys.question(run, question.id()), record(question, purpose, run, fit, tier)))
                        .toList());
    }

    /**
     * Sends the answers of labelled questions as labels.
     *
     * @param questions each with an answer
     * @param run the run whose answers they are for; null: those of every run
     * @throws KafkaException if the broker does not take one
     */
    public void labels(List<Question> questions, String run) {
        send(
                connection.topics().labels(),
                Label.class,
                questions.stream()
                        .map(question -> new Keyed<>(
                                question.id(),
                                new Label(
                                        question.answer(),
                                        run,
                                        QuestionIds.text(question).digest())))
                        .toList());
    }

    private record Keyed<V>(String key, V value) {}

    /** A question as it goes onto the topic; run, fit and tier may be null. */
    public static io.calibrant.schemas.avro.Question record(
            Question question, Purpose purpose, String run, String fit, String tier) {
        List<Choice> choices = question.choices().stream()
                .map(choice -> new Choice(choice.label(), choice.text()))
                .toList();
        return new io.calibrant.schemas.avro.Question(
                question.question(),
                choices,
                question.context(),
                purpose,
                run,
                fit,
                tier,
                run == null ? null : question.id(),
                question.prompt());
    }

    private <V extends SpecificRecord> void send(String topic, Class<V> type, List<Keyed<V>> records) {
        TopicAdmin.require(connection, topic);
        try (KafkaProducer<String, V> producer =
                new KafkaProducer<>(connection.producer(), new StringSerializer(), connection.serializer(type))) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (Keyed<V> each : records) {
                sent.add(producer.send(new ProducerRecord<>(topic, each.key(), each.value())));
            }
            producer.flush();
            for (int i = 0; i < sent.size(); i++) {
                check(topic, type, records.get(i), sent.get(i));
            }
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        } catch (ExecutionException e) {
            throw new KafkaException("topic " + topic + ": " + e.getCause().getMessage(), e);
        }
    }

    private <V extends SpecificRecord> void check(
            String topic, Class<V> type, Keyed<V> record, Future<RecordMetadata> sent)
            throws ExecutionException, InterruptedException {
        try {
            sent.get();
        } catch (ExecutionException e) {
            if (!OversizedRecord.isCauseOf(e)) {
                throw e;
            }
            try (Serializer<V> serializer = connection.serializer(type)) {
                long bytes = record.key().getBytes(StandardCharsets.UTF_8).length
                        + (long) serializer.serialize(topic, record.value()).length;
                throw new KafkaException(
                        new OversizedRecord(topic, record.key(), bytes)
                                .message(OversizedRecord.limit(connection, topic), ""),
                        e);
            }
        }
    }
}
