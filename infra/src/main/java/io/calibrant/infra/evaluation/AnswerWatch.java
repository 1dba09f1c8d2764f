package io.calibrant.infra.evaluation;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;

/** Collects what comes back to questions: answers, or dead letters of the scorer with their reason. */
final class AnswerWatch implements AutoCloseable {
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Deserializer<Answer> deserializer;
    private final String answersTopic;
    private final Predicate<Answer> wanted;
    private final Map<String, Answer> answers = new HashMap<>();
    private final Map<String, String> refused = new LinkedHashMap<>();

    /**
     * Stands at the beginning of both topics, or at their end.
     *
     * @param fromBeginning whether what is there already counts
     * @param wanted which answers count
     * @throws IllegalStateException if a topic does not exist
     */
    AnswerWatch(Connection connection, boolean fromBeginning, Predicate<Answer> wanted) {
        this.wanted = wanted;
        answersTopic = connection.topics().answers();
        String deadLetters = connection.topics().scorerDeadLetters();
        TopicAdmin.require(connection, answersTopic, deadLetters);
        Map<String, Object> configs = new HashMap<>(connection.consumer(null));
        configs.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        try {
            deserializer = connection.deserializer(Answer.class);
            List<TopicPartition> partitions = new ArrayList<>();
            for (String topic : List.of(answersTopic, deadLetters)) {
                consumer.partitionsFor(topic)
                        .forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
            }
            consumer.assign(partitions);
            if (fromBeginning) {
                consumer.seekToBeginning(partitions);
            } else {
                consumer.seekToEnd(partitions);
            }
            partitions.forEach(consumer::position); // the end of now, not of the first poll
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    /** Takes in what has come. */
    void poll(Duration patience) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(patience)) {
            if (record.key() == null) {
                continue;
            }
            String id = new String(record.key(), StandardCharsets.UTF_8);
            if (!record.topic().equals(answersTopic)) {
                refused.putIfAbsent(
                        id, DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.MESSAGE, "no reason given"));
                continue;
            }
            Answer answer = answer(record);
            if (answer != null && wanted.test(answer)) {
                answers.put(id, answer);
            }
        }
    }

    /** The newest wanted answer by question id; live. */
    Map<String, Answer> answers() {
        return answers;
    }

    /** Reasons of dead letters by question id; live. */
    Map<String, String> refused() {
        return refused;
    }

    private Answer answer(ConsumerRecord<byte[], byte[]> record) {
        try {
            return deserializer.deserialize(record.topic(), record.value());
        } catch (SerializationException e) {
            return null; // no answer of ours
        }
    }

    @Override
    public void close() {
        deserializer.close();
        consumer.close();
    }
}
