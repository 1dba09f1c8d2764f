package io.calibrant.scorer.answering;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import io.calibrant.trainer.prompts.Question;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/** Reads questions off the wire and checks what can be checked without a model. */
public final class QuestionReader {
    private final Deserializer<io.calibrant.schemas.avro.Question> values;
    private final Tier tier;

    /** @param tier of questions that name none and are not for validation */
    public QuestionReader(Deserializer<io.calibrant.schemas.avro.Question> values, Tier tier) {
        this.values = values;
        this.tier = tier;
    }

    /**
     * A question that can be read; {@link #question} says whether it can be asked.
     *
     * @param id what the record gives as its id, else its key
     * @param value as it came
     */
    public record Read(String id, io.calibrant.schemas.avro.Question value) {
        /** The run it names; null for none. */
        public String run() {
            return named(value.getRun());
        }

        /** The fit it names; null for none. */
        public String fit() {
            return named(value.getFit());
        }

        /** What it is for. */
        public Purpose purpose() {
            return value.getPurpose();
        }

        private static String named(String name) {
            return name == null || name.isEmpty() ? null : name;
        }
    }

    /**
     * The question of a record.
     *
     * @throws BadQuestionException if it cannot be read by anybody
     * @throws RuntimeException if the registry cannot be asked: nothing is said about the question then
     */
    public Read read(ConsumerRecord<byte[], byte[]> record) throws BadQuestionException {
        if (record.key() == null) {
            throw new BadQuestionException(Require.message("key", null, "the question's id, a string"));
        }
        String id = text(record.key());
        if (record.value() == null) {
            throw new BadQuestionException(Require.message("value", null, "a question"));
        }
        io.calibrant.schemas.avro.Question value = decode(record);
        String given = Read.named(value.getQuestionId());
        return new Read(given == null ? id : given, value);
    }

    /**
     * What is asked.
     *
     * @throws BadQuestionException if it is no question of 2 to 256 choices
     */
    public Question question(Read read) throws BadQuestionException {
        try {
            List<io.calibrant.trainer.prompts.Choice> choices = new ArrayList<>();
            for (Choice choice : read.value().getChoices()) {
                choices.add(new io.calibrant.trainer.prompts.Choice(choice.getLabel(), choice.getText()));
            }
            return new Question(
                    read.id(),
                    read.value().getStem(),
                    read.value().getContext(),
                    choices,
                    null,
                    Read.named(read.value().getPrompt()));
        } catch (IllegalArgumentException e) {
            throw new BadQuestionException(e.getMessage(), e);
        }
    }

    /**
     * The tier it is to be answered at: what it names, else all blocks for validation, else the scorer's own. The noise
     * of a logit is read off the covariance of all blocks, whatever is named.
     *
     * @throws BadQuestionException if it names one that there is not
     */
    public Tier tier(Read read) throws BadQuestionException {
        String named = Read.named(read.value().getTier());
        if (named == null) {
            return read.purpose() == Purpose.ANSWER ? tier : Tier.ALL;
        }
        Tier found = Tier.find(named)
                .orElseThrow(() -> new BadQuestionException(Require.message("tier", named, Tier.ACCEPTED)));
        return read.purpose() == Purpose.NOISE ? Tier.ALL : found;
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

    private static String text(byte[] key) throws BadQuestionException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(key))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new BadQuestionException(
                    Require.message("key", HexFormat.of().formatHex(key), "the question's id in UTF-8"), e);
        }
    }
}
