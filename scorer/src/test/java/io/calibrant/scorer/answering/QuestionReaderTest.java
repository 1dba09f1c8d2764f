package io.calibrant.scorer.answering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.Label;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuestionReaderTest {
    private static final Connection CONNECTION = Connection.to("127.0.0.1:9092", "mock://question-reader");
    private static final String TOPIC = CONNECTION.topics().questions();

    private final QuestionReader reader = new QuestionReader(CONNECTION.deserializer(Question.class), Tier.LAST_LAYER);

    @Test
    void shouldReadAQuestionWithItsIdAndPurpose() throws BadQuestionException {
        Question question = question("A", "B", "C");
        question.setContext("a passage");
        question.setPurpose(Purpose.VALIDATION);

        QuestionReader.Read read = reader.read(record("q1", question));

        assertThat(read.purpose()).isEqualTo(Purpose.VALIDATION);
        assertThat(read.run()).isNull();
        assertThat(read.fit()).isNull();
        assertThat(reader.question(read).id()).isEqualTo("q1");
        assertThat(reader.question(read).question()).isEqualTo("What is it?");
        assertThat(reader.question(read).context()).isEqualTo("a passage");
        assertThat(reader.question(read).choices()).hasSize(3);
    }

    @Test
    void shouldSayWhatAQuestionNames() throws BadQuestionException {
        Question question = question("A", "B");
        question.setRun("another");
        question.setFit("");

        QuestionReader.Read read = reader.read(record("q", question));

        assertThat(read.run()).isEqualTo("another");
        assertThat(read.fit()).isNull();
    }

    @Test
    void shouldLetTheQuestionsTierWinAndValidateWithAllBlocks() throws BadQuestionException {
        Question question = question("A", "B");
        assertThat(reader.tier(reader.read(record("q", question)))).isEqualTo(Tier.LAST_LAYER);
        question.setPurpose(Purpose.VALIDATION);
        assertThat(reader.tier(reader.read(record("q", question)))).isEqualTo(Tier.ALL);
        question.setTier("map");
        assertThat(reader.tier(reader.read(record("q", question)))).isEqualTo(Tier.MAP);
        question.setPurpose(Purpose.NOISE); // its covariance is all that is wanted of it
        assertThat(reader.tier(reader.read(record("q", question)))).isEqualTo(Tier.ALL);
        question.setTier("some");
        QuestionReader.Read read = reader.read(record("q", question));
        assertThatThrownBy(() -> reader.tier(read))
                .isInstanceOf(BadQuestionException.class)
                .hasMessage("tier must be all, last-layer, forward or map, got 'some'");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 257})
    void shouldRejectOtherThanTwoTo256Choices(int count) {
        List<String> labels = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            labels.add("L" + i);
        }
        assertThatThrownBy(() -> asked(record("q", question(labels.toArray(String[]::new)))))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageContaining("choices must be 2 to 256, got " + count);
    }

    @Test
    void shouldLeaveChoicesThatAreNotGivenToTheRun() throws BadQuestionException {
        io.calibrant.trainer.prompts.Question question = reader.question(reader.read(record("q", question())));
        assertThat(question.choices()).isEmpty();
        io.calibrant.trainer.prompts.Question filled = question.orChoicesOf(List.of("food", "number"));
        assertThat(filled.choices())
                .extracting(io.calibrant.trainer.prompts.Choice::label)
                .containsExactly("food", "number");
        assertThat(filled.ownChoices()).isEmpty();
    }

    @Test
    void shouldRejectLabelsThatOccurTwiceOrSayNothing() {
        assertThatThrownBy(() -> asked(record("q", question("A", "A"))))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageContaining("choices must be distinct in their labels, got 'A' twice");
        assertThatThrownBy(() -> asked(record("q", question("A", ""))))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageContaining("label must be a text that is not empty", "got ''");
    }

    @Test
    void shouldRejectBytesThatAreNoQuestion() {
        byte[] good = CONNECTION.serializer(Question.class).serialize(TOPIC, question("A", "B"));
        byte[] magic = good.clone();
        magic[0] = 7;
        byte[] unknown = good.clone();
        unknown[1] = 99;
        byte[] badText = good.clone();
        badText[indexOf(good, (byte) '?')] = (byte) 0xff;
        byte[] another =
                CONNECTION.serializer(Label.class).serialize(CONNECTION.topics().labels(), new Label("A", null, null));

        assertRejected(bytes("q", magic), "magic byte");
        assertRejected(bytes("q", unknown), "schema id");
        assertRejected(bytes("q", Arrays.copyOf(good, good.length - 4)), "truncated");
        assertRejected(bytes("q", badText), "UTF-8");
        assertRejected(bytes("q", another), "cannot be read as");
        assertRejected(bytes("q", new byte[0]), "too short");
        assertRejected(bytes("q", null), "value must be a question, got nothing");
        assertRejected(bytes(null, good), "key must be the question's id, a string, got nothing");
        assertRejected(
                new ConsumerRecord<>(TOPIC, 0, 0, new byte[] {(byte) 0xc0, 1}, good),
                "key must be the question's id in UTF-8, got 'c001'");
    }

    @Test
    void shouldNotBlameTheQuestionForARegistryThatDoesNotAnswer() {
        Connection dead = Connection.to("127.0.0.1:9092", "http://127.0.0.1:1");
        QuestionReader unable = new QuestionReader(dead.deserializer(Question.class), Tier.ALL);
        byte[] good = CONNECTION.serializer(Question.class).serialize(TOPIC, question("A", "B"));

        assertThatThrownBy(() -> unable.read(bytes("q", good))).isInstanceOf(RegistryUnavailableException.class);
    }

    private io.calibrant.trainer.prompts.Question asked(ConsumerRecord<byte[], byte[]> record)
            throws BadQuestionException {
        return reader.question(reader.read(record));
    }

    private void assertRejected(ConsumerRecord<byte[], byte[]> record, String reason) {
        assertThatThrownBy(() -> asked(record))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageContaining(reason);
    }

    private static int indexOf(byte[] bytes, byte wanted) {
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == wanted) {
                return i;
            }
        }
        throw new AssertionError("not there");
    }

    private static ConsumerRecord<byte[], byte[]> record(String key, Question question) {
        return bytes(key, CONNECTION.serializer(Question.class).serialize(TOPIC, question));
    }

    private static ConsumerRecord<byte[], byte[]> bytes(String key, byte[] value) {
        return new ConsumerRecord<>(TOPIC, 0, 0, key == null ? null : key.getBytes(StandardCharsets.UTF_8), value);
    }

    private static Question question(String... labels) {
        List<Choice> choices = new ArrayList<>();
        for (String label : labels) {
            choices.add(new Choice(label, "text of " + label));
        }
        Question question = new Question();
        question.setStem("What is it?");
        question.setChoices(choices);
        question.setPurpose(Purpose.ANSWER);
        return question;
    }
}
