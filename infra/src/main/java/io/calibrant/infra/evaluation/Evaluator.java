package io.calibrant.infra.evaluation;

import io.calibrant.infra.report.Evaluation;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.trainer.prompts.Question;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends labelled questions through the topics and waits for their answers. Only answers that come after it has begun
 * count, so that a file can be evaluated again; a question in the scorer's dead-letter topic is not waited for.
 */
public final class Evaluator {
    private static final Duration POLL = Duration.ofMillis(250);
    private static final String REASON = "__streams.errors.message";

    private final Connection connection;
    private final String runId;
    private final Duration patience;
    private final EvaluationProgress.Listener listener;

    /**
     * Sends nothing yet.
     *
     * @param runId whose scorer is to answer; null where the topics know one run only
     * @param patience how long to wait without any answer
     */
    public Evaluator(Connection connection, String runId, Duration patience, EvaluationProgress.Listener listener) {
        this.connection = connection;
        this.runId = runId;
        this.patience = patience;
        this.listener = listener;
    }

    /**
     * Evaluates.
     *
     * @param questions with their answers; at least one
     * @throws EvaluationFailure if there is no such run, a question has no answer to compare with, or nobody answers
     * @throws IllegalStateException naming the address if the broker does not answer
     */
    public Evaluated evaluate(List<Question> questions) {
        questions.stream()
                .filter(question -> question.answer() == null)
                .findFirst()
                .ifPresent(question -> {
                    throw new EvaluationFailure("question '" + question.id()
                            + "' has no answer: accepted are questions with the field answer");
                });
        Run run = run();
        Map<String, String> refused = new LinkedHashMap<>();
        Map<String, Answer> answers = answers(run.getRunId(), questions, refused);
        if (answers.isEmpty()) {
            throw new EvaluationFailure("all " + questions.size() + " questions were refused, the first one because: "
                    + refused.values().iterator().next());
        }
        Answer first = answers.values().iterator().next();
        String key = Keys.fit(first.getRunId(), first.getCheckpoint(), first.getFit());
        Posterior posterior = TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class)
                .get(key);
        if (posterior == null) {
            throw new EvaluationFailure("the answers name posterior " + key + ", which topic "
                    + connection.topics().posteriors() + " does not have");
        }
        Evaluation evaluation = Comparison.of(questions, answers, validation(first));
        return new Evaluated(evaluation, run, posterior, refused);
    }

    private Run run() {
        Map<String, Run> runs =
                TopicReader.latest(connection, connection.topics().runs(), Run.class);
        if (runId == null && runs.size() == 1) {
            return runs.values().iterator().next();
        }
        if (runId == null || !runs.containsKey(runId)) {
            throw new EvaluationFailure("--run: "
                    + (runId == null ? "not given" : "'" + runId + "' is not on the topics")
                    + ", accepted are the runs on topic " + connection.topics().runs() + ": "
                    + (runs.isEmpty() ? "there is none" : String.join(", ", new TreeSet<>(runs.keySet()))));
        }
        return runs.get(runId);
    }

    private Map<String, Answer> answers(String run, List<Question> questions, Map<String, String> refused) {
        String answersTopic = connection.topics().answers();
        Map<String, Question> sent = new LinkedHashMap<>();
        questions.forEach(question -> sent.put(question.id(), question));
        Map<String, Answer> answers = new HashMap<>();
        try (TopicReader reader = new TopicReader(
                        connection, answersTopic, connection.topics().scorerDeadLetters());
                Deserializer<Answer> deserializer = connection.deserializer(Answer.class)) {
            send(run, questions);
            Pace pace = new Pace(patience);
            while (answers.size() + refused.size() < sent.size()) {
                int before = answers.size() + refused.size();
                reader.poll(POLL, record -> {
                    String id = TopicReader.key(record);
                    if (!sent.containsKey(id)) {
                        return;
                    }
                    if (!record.topic().equals(answersTopic)) {
                        refused.putIfAbsent(id, reason(record));
                        return;
                    }
                    Answer answer = TopicReader.value(deserializer, record);
                    if (answer != null && answer.getRunId().equals(run)) {
                        answers.put(id, answer);
                        refused.remove(id);
                    }
                });
                int done = answers.size() + refused.size();
                if (!pace.goesOn(done - before)) {
                    throw new EvaluationFailure(String.format(
                            "%d of %d questions were not answered, and no answer came for %d s: is 'calibrant score --run %s' running?",
                            sent.size() - done, sent.size(), patience.toSeconds(), run));
                }
                listener.progress(new EvaluationProgress(
                        answers.size(), refused.size(), sent.size(), pace.remaining(done, sent.size())));
            }
        }
        return answers;
    }

    private void send(String run, List<Question> questions) {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<String, Label> labels = new KafkaProducer<>(
                        connection.producer(), new StringSerializer(), connection.serializer(Label.class));
                KafkaProducer<String, io.calibrant.schemas.avro.Question> producer = new KafkaProducer<>(
                        connection.producer(),
                        new StringSerializer(),
                        connection.serializer(io.calibrant.schemas.avro.Question.class))) {
            for (Question question : questions) {
                sent.add(labels.send(new ProducerRecord<>(
                        connection.topics().labels(),
                        question.id(),
                        Label.newBuilder().setLabel(question.answer()).build())));
                sent.add(producer.send(
                        new ProducerRecord<>(connection.topics().questions(), question.id(), record(question, run))));
            }
            producer.flush();
            labels.flush();
            for (Future<RecordMetadata> one : sent) {
                one.get();
            }
        } catch (ExecutionException e) {
            throw new EvaluationFailure(
                    "a question could not be sent: " + e.getCause().getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EvaluationFailure("interrupted while sending the questions");
        }
    }

    private static io.calibrant.schemas.avro.Question record(Question question, String run) {
        List<Choice> choices = question.choices().stream()
                .map(choice -> Choice.newBuilder()
                        .setLabel(choice.label())
                        .setText(choice.text())
                        .build())
                .toList();
        return io.calibrant.schemas.avro.Question.newBuilder()
                .setStem(question.question())
                .setContext(question.context())
                .setChoices(choices)
                .setRun(run)
                .build();
    }

    /** Answers to validation questions with the same adapter, with their labels. */
    private List<Validation> validation(Answer like) {
        Map<String, Label> labels =
                TopicReader.latest(connection, connection.topics().labels(), Label.class);
        List<Validation> found = new ArrayList<>();
        TopicReader.latest(connection, connection.topics().answers(), Answer.class)
                .forEach((id, answer) -> {
                    boolean same = answer.getPurpose() == Purpose.VALIDATION
                            && answer.getRunId().equals(like.getRunId())
                            && answer.getCheckpoint().equals(like.getCheckpoint())
                            && answer.getFit().equals(like.getFit());
                    if (same
                            && labels.containsKey(id)
                            && answer.getLabels().contains(labels.get(id).getLabel())) {
                        found.add(new Validation(
                                id,
                                answer,
                                answer.getLabels().indexOf(labels.get(id).getLabel())));
                    }
                });
        found.sort(java.util.Comparator.comparing(Validation::id));
        return List.copyOf(found);
    }

    private static String reason(ConsumerRecord<byte[], byte[]> record) {
        Header header = record.headers().lastHeader(REASON);
        return header == null ? "no reason given" : new String(header.value(), StandardCharsets.UTF_8);
    }
}
