package io.calibrant.scorer.service;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Question;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Questions that never run out until told to, and the committed answers to them. */
final class QuestionStream implements AutoCloseable {
    /** So many are always unanswered. */
    private static final int BACKLOG = 200;

    private static final List<String> WORDS = List.of("one", "two", "three", "word", "red", "green");

    private final Connection connection;
    private final Thread sender = new Thread(this::send, "questions");
    private final Thread reader = new Thread(this::read, "answers");
    private final List<Answer> answers = new ArrayList<>();
    private final Set<String> answered = new HashSet<>();
    private int sent;
    private boolean sending = true;
    private boolean reading = true;
    private RuntimeException failure;

    QuestionStream(Connection connection) {
        this.connection = connection;
        sender.start();
        reader.start();
    }

    /** The questions are few: question i is the same as question i + 6. */
    static Question question(int i) {
        return Question.newBuilder()
                .setStem("which word " + WORDS.get(i % WORDS.size()))
                .setChoices(List.of(
                        new Choice("A", WORDS.get(i % 2)), new Choice("B", WORDS.get(i % 3)), new Choice("C", "red")))
                .build();
    }

    /** The question that an answer is to. */
    static int index(Answer answer) {
        return Integer.parseInt(answer.getQuestionId().substring(1));
    }

    /** Sent, and not answered by anything committed. */
    synchronized int inFlight() {
        check();
        return sent - answered.size();
    }

    /** All committed answers so far, also those that should not be. */
    synchronized List<Answer> answers() {
        check();
        return List.copyOf(answers);
    }

    synchronized int sent() {
        return sent;
    }

    synchronized void stopSending() {
        sending = false;
        notifyAll();
    }

    private void check() {
        if (failure != null) {
            throw failure;
        }
    }

    private void send() {
        try (KafkaProducer<String, Question> producer = new KafkaProducer<>(
                connection.producer(), new StringSerializer(), connection.serializer(Question.class))) {
            while (true) {
                int next;
                synchronized (this) {
                    while (sending && sent - answered.size() >= BACKLOG) {
                        wait();
                    }
                    if (!sending) {
                        return;
                    }
                    next = sent++;
                }
                producer.send(new ProducerRecord<>(connection.topics().questions(), "q" + next, question(next)))
                        .get();
            }
        } catch (Exception e) {
            fail(e);
        }
    }

    private void read() {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                        connection.consumer(null), new ByteArrayDeserializer(), new ByteArrayDeserializer());
                Deserializer<Answer> deserializer = connection.deserializer(Answer.class)) {
            List<TopicPartition> partitions = consumer
                    .partitionsFor(connection.topics().answers())
                    .stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (true) {
                List<Answer> came = new ArrayList<>();
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    came.add(deserializer.deserialize(record.topic(), record.value()));
                }
                synchronized (this) {
                    if (!reading) {
                        return;
                    }
                    answers.addAll(came);
                    came.forEach(answer -> answered.add(answer.getQuestionId()));
                    notifyAll();
                }
            }
        } catch (RuntimeException e) {
            fail(e);
        }
    }

    private synchronized void fail(Exception e) {
        failure = new IllegalStateException("the stream of questions broke: " + e, e);
    }

    @Override
    public void close() {
        synchronized (this) {
            sending = false;
            reading = false;
            notifyAll();
        }
        try {
            sender.join();
            reader.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** By question id: how often it was answered. */
    static Map<String, Long> counts(List<Answer> answers) {
        return answers.stream()
                .collect(java.util.stream.Collectors.groupingBy(
                        Answer::getQuestionId, java.util.stream.Collectors.counting()));
    }
}
