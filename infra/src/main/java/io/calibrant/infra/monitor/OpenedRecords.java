package io.calibrant.infra.monitor;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.live.QuestionPlaces;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.reading.ReadResult;
import io.calibrant.schemas.reading.RecordDecoder;
import io.calibrant.schemas.text.Printable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/**
 * Records that a page opens: an answer with its question, a dead letter. They are read again from their topics, as JSON
 * with bounds on every text and list. Thread-safe.
 */
final class OpenedRecords {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Connection connection;
    private final Feed feed;
    private final RecordLookup lookup;

    /**
     * What a page is told.
     *
     * @param code of HTTP
     * @param json the record, or {@code problem}: why there is none
     */
    record Response(int code, ObjectNode json) {}

    /** The text of a question; null with the reason where there is none. */
    record QuestionFound(Question question, String missing) {}

    OpenedRecords(Connection connection, Feed feed) {
        this.connection = connection;
        this.feed = feed;
        lookup = new RecordLookup(connection);
    }

    /**
     * Opens a record.
     *
     * @param kind {@code answer} or {@code letter}
     * @param wanted partition, offset, and of a letter its topic
     */
    Response open(String kind, Map<String, String> wanted) {
        boolean answer = kind.equals("answer");
        Topics topics = connection.topics();
        String topic = answer ? topics.answers() : wanted.getOrDefault("topic", "");
        if (!answer
                && !List.of(topics.fitterDeadLetters(), topics.scorerDeadLetters())
                        .contains(topic)) {
            return problem(404, "There is no such topic of dead letters.");
        }
        int partition;
        long offset;
        try {
            partition = Integer.parseInt(wanted.getOrDefault("partition", ""));
            offset = Long.parseLong(wanted.getOrDefault("offset", ""));
        } catch (NumberFormatException e) {
            return problem(400, "partition and offset must be whole numbers.");
        }
        try {
            return lookup.find(topic, partition, offset)
                    .map(record -> answer ? answer(record) : new Response(200, LetterDetails.of(record)))
                    .orElseGet(() -> problem(
                            404,
                            "There is nothing at partition " + partition + ", offset " + offset + " of topic " + topic
                                    + ", or not any more."));
        } catch (KafkaException e) {
            return problem(503, Printable.message("It cannot be read: " + e.getMessage()));
        }
    }

    private static Response problem(int code, String line) {
        return new Response(code, JSON.createObjectNode().put("problem", line));
    }

    private Response answer(ConsumerRecord<byte[], byte[]> record) {
        ReadResult<Answer> result = decode(Answer.class, record);
        if (result instanceof ReadResult.Read<Answer> read && read.value() != null) {
            Answer answer = read.value();
            return new Response(200, AnswerDetails.of(record, answer, question(answer)));
        }
        return problem(502, result instanceof ReadResult.Read<Answer> ? "It was removed." : reason(result));
    }

    private static String reason(ReadResult<?> result) {
        return Printable.message(
                result instanceof ReadResult.Bad<?> bad
                        ? "It cannot be read: " + bad.reason()
                        : ((ReadResult.NotNow<?>) result).failure().getMessage());
    }

    private QuestionFound question(Answer answer) {
        Optional<QuestionPlaces.Place> place =
                feed.look(state -> state.questions().find(answer.getRunId(), answer.getQuestionId()));
        if (place.isEmpty()) {
            return new QuestionFound(null, "The question is not among the newest that the monitor knows the place of.");
        }
        Optional<ConsumerRecord<byte[], byte[]>> record;
        try {
            record = lookup.find(
                    connection.topics().questions(),
                    place.get().partition(),
                    place.get().offset());
        } catch (KafkaException e) { // the answer is there all the same
            return new QuestionFound(null, Printable.message("The question cannot be read: " + e.getMessage()));
        }
        if (record.isEmpty()) {
            return new QuestionFound(null, "The question is not on its topic any more.");
        }
        ReadResult<Question> result = decode(Question.class, record.get());
        if (!(result instanceof ReadResult.Read<Question> read)) {
            return new QuestionFound(null, reason(result));
        }
        return read.value() == null
                ? new QuestionFound(null, "The question was removed.")
                : new QuestionFound(read.value(), "");
    }

    private <V extends SpecificRecord> ReadResult<V> decode(Class<V> type, ConsumerRecord<byte[], byte[]> record) {
        try (RecordDecoder<V> decoder = new RecordDecoder<>(connection, type)) {
            return decoder.decode(record);
        }
    }
}
