package io.calibrant.scorer.service;

import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import io.calibrant.trainer.prompts.Question;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/** Reads questions off the wire and checks what can be checked without a model. */
final class QuestionReader {
    private final Deserializer<io.calibrant.schemas.avro.Question> values;
    private final String run;
    private final String fit;

    QuestionReader(Deserializer<io.calibrant.schemas.avro.Question> values, String run, String fit) {
        this.values = values;
        this.run = run;
        this.fit = fit;
    }

    /** A question for this scorer and what it is for. */
    record Asked(Question question, Purpose purpose) {}

    /**
     * The question of a record; empty if it names another run or fit, or is a tombstone.
     *
     * @throws BadQuestionException if it can never be answered
     * @throws RuntimeException if the registry cannot be asked: nothing is said about the question then
     */
    Optional<Asked> read(ConsumerRecord<byte[], byte[]> record) throws BadQuestionException {
        if (record.key() == null) {
            throw new BadQuestionException("the key is null: accepted is the question's id, a string");
        }
        String id = text(record.key());
        if (record.value() == null) {
            throw new BadQuestionException("the value is null: accepted is a question");
        }
        io.calibrant.schemas.avro.Question value = decode(record);
        if (other(value.getRun(), run) || other(value.getFit(), fit)) {
            return Optional.empty();
        }
        try {
            List<io.calibrant.trainer.prompts.Choice> choices = new ArrayList<>();
            for (Choice choice : value.getChoices()) {
                choices.add(new io.calibrant.trainer.prompts.Choice(choice.getLabel(), choice.getText()));
            }
            return Optional.of(new Asked(
                    new Question(id, value.getStem(), value.getContext(), choices, null), value.getPurpose()));
        } catch (IllegalArgumentException e) {
            throw new BadQuestionException(e.getMessage(), e);
        }
    }

    private io.calibrant.schemas.avro.Question decode(ConsumerRecord<byte[], byte[]> record)
            throws BadQuestionException {
        try {
            return values.deserialize(record.topic(), record.value());
        } catch (SerializationException e) {
            if (RegistryUnavailableException.isTransient(e)) {
                throw e;
            }
            throw new BadQuestionException(e.getMessage(), e);
        }
    }

    private static boolean other(String named, String own) {
        return named != null && !named.isEmpty() && !named.equals(own);
    }

    private static String text(byte[] key) throws BadQuestionException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(key))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new BadQuestionException("the key is not valid UTF-8: accepted is the question's id, a string", e);
        }
    }
}
