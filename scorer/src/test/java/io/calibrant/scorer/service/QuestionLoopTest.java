package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Choice;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Question;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import io.calibrant.scorer.TinyModel;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.service.ScorerListener.Committed;
import io.calibrant.scorer.serving.Target;
import io.calibrant.scorer.serving.TinyModels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.Deserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The loop with the real tiny model, Kafka's own consumer for tests, and a delivery that keeps what it is given. */
class QuestionLoopTest {
    private static final Connection CONNECTION = Connection.to("127.0.0.1:9092", "mock://question-loop");
    private static final TopicPartition QUESTIONS =
            new TopicPartition(CONNECTION.topics().questions(), 0);
    private static final Target DEFAULT = new Target("tiny", "default");

    @TempDir
    private Path directory;

    private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
    private final Kept delivery = new Kept();
    private final KnownGroups groups = new KnownGroups();
    private final Heard heard = new Heard();
    private TinyModels models;
    private QuestionLoop loop;
    private long offset;

    @BeforeEach
    void start() throws IOException {
        models = new TinyModels(directory, DEFAULT);
        loop = loop(CONNECTION);
        consumer.rebalance(List.of(QUESTIONS));
        consumer.updateBeginningOffsets(Map.of(QUESTIONS, 0L));
    }

    private QuestionLoop loop(Connection connection) {
        ScorerSettings settings = ScorerSettings.of("tiny", directory)
                .with(PollSettings.DEFAULTS.withBatchSize(3).withLinger(Duration.ZERO));
        return new QuestionLoop(connection, settings, models.table(), heard, consumer, delivery, groups);
    }

    @AfterEach
    void close() {
        loop.close();
        models.close();
        assertThat(consumer.closed()).isTrue();
        assertThat(delivery.closed).isTrue();
    }

    @Test
    void shouldDeliverTheAnswersOfAPollWithItsOffsets() {
        models.serve(4, DEFAULT);
        ask("one");
        ask("two");
        loop.poll(Duration.ZERO);
        assertThat(answers())
                .extracting(Answer::getQuestionId, Answer::getPosteriorVersion)
                .containsExactly(tuple("one", 4L), tuple("two", 4L));
        assertThat(delivery.records)
                .extracting(record -> new String(record.key(), StandardCharsets.UTF_8))
                .containsExactly("one", "two");
        assertThat(delivery.offsets.get(QUESTIONS).offset()).isEqualTo(2);
        assertThat(heard.committed).hasSize(1);
        assertThat(heard.committed.get(0).answered()).isEqualTo(2);
        assertThat(heard.committed.get(0).rejected()).isZero();
    }

    @Test
    void shouldLeaveWhatOthersWereAskedAndCommitPastIt() {
        groups.since(1).at("tiny,other", QUESTIONS, 2, "fit=default since=0");
        consumer.rebalance(List.of());
        consumer.rebalance(List.of(QUESTIONS));
        models.serve(1, DEFAULT);
        ask("before the start");
        ask("answered by another list", question -> question.setRun("tiny"));
        ask("new");
        loop.poll(Duration.ZERO);
        assertThat(answers()).extracting(Answer::getQuestionId).containsExactly("new");
        assertThat(delivery.records).noneMatch(record -> record.topic().contains("dlq"));
        assertThat(delivery.offsets.get(QUESTIONS).offset()).isEqualTo(3);
        assertThat(delivery.offsets.get(QUESTIONS).metadata()).isEqualTo("fit=default since=2");
    }

    /** A consumer does not call again what failed when partitions were assigned. */
    @Test
    void shouldTakeNoQuestionBeforeItIsKnownWhichOnesAreLeft() {
        groups.since(1).down(true);
        models.serve(1, DEFAULT);
        ask("before the start");
        ask("new");
        assertThatThrownBy(() -> loop.poll(Duration.ZERO)).isInstanceOf(TimeoutException.class);
        assertThat(delivery.records).isEmpty();
        groups.down(false);
        loop.poll(Duration.ZERO);
        assertThat(answers()).extracting(Answer::getQuestionId).containsExactly("new");
        assertThat(delivery.offsets.get(QUESTIONS).metadata()).isEqualTo("fit=default since=1");
    }

    @Test
    void shouldCommitWhereItBeginsBeforeAnyQuestionComes() {
        groups.since(5);
        models.serve(1, DEFAULT);
        loop.poll(Duration.ZERO);
        assertThat(consumer.committed(Set.of(QUESTIONS)))
                .isEqualTo(Map.of(QUESTIONS, new OffsetAndMetadata(0, "fit=default since=5")));
    }

    @Test
    void shouldKeepWhereItBeginsBeforeTheModelIsReady() {
        groups.since(5);
        loop.poll(Duration.ZERO);
        assertThat(groups.begun().values()).containsExactly(new OffsetAndMetadata(0, "fit=default since=5"));
    }

    @Test
    void shouldTakeNoQuestionBeforeTheModelIsReady() {
        ask("one");
        loop.poll(Duration.ZERO);
        assertThat(delivery.prepared).isZero();
        assertThat(consumer.position(QUESTIONS)).isZero();
        models.serve(1, DEFAULT);
        loop.poll(Duration.ZERO);
        assertThat(answers()).hasSize(1);
    }

    @Test
    void shouldDeadLetterAQuestionThatIsTooLongBesideTheAnswers() {
        models.serve(1, DEFAULT);
        ask("one");
        ask("long", question -> question.setStem("word " + "word ".repeat(TinyModel.CONTEXT)));
        add("garbage", new byte[] {7, 7, 7, 7, 7, 7});
        ask("two");
        loop.poll(Duration.ZERO);
        assertThat(answers()).extracting(Answer::getQuestionId).containsExactlyInAnyOrder("one", "two");
        assertThat(reason("long")).contains("the prompt of question 'long' must be at most 96 tokens");
        assertThat(reason("garbage")).contains("magic byte");
        assertThat(heard.committed.get(0).rejected()).isEqualTo(2);
        assertThat(delivery.offsets.get(QUESTIONS).offset()).isEqualTo(4);
    }

    @Test
    void shouldDeadLetterWhatNamesATierOrAFitThatThereIsNot() {
        models.serve(1, DEFAULT);
        ask("tier", question -> question.setTier("some"));
        ask("fit", question -> question.setFit("unheard"));
        loop.poll(Duration.ZERO);
        assertThat(reason("tier")).isEqualTo("tier must be all, last-layer, forward or map, got 'some'");
        assertThat(reason("fit")).isEqualTo("fit 'unheard' cannot answer: there is no fit 'unheard'");
    }

    @Test
    void shouldLeaveAQuestionOfAnotherRunToItsScorerAndDeadLetterOneOfNoRun() {
        models.serve(1, DEFAULT);
        ask("another's", question -> question.setRun("elsewhere"));
        ask("nobody's", question -> question.setRun("unheard"));
        loop.poll(Duration.ZERO);
        assertThat(delivery.records).hasSize(1);
        assertThat(reason("nobody's"))
                .isEqualTo("run must be one on topic " + CONNECTION.topics().runs()
                        + ", or empty for 'tiny', got 'unheard'");
        assertThat(delivery.offsets.get(QUESTIONS).offset()).isEqualTo(2);
    }

    @Test
    void shouldAnswerAtTheTierThatIsAskedFor() {
        models.serve(1, DEFAULT);
        for (Tier tier : Tier.values()) {
            ask(tier.label(), question -> question.setTier(tier.label()));
        }
        loop.poll(Duration.ZERO);
        assertThat(answers())
                .hasSize(Tier.values().length)
                .allMatch(answer -> answer.getTier().equals(answer.getQuestionId()));
    }

    @Test
    void shouldSendStatisticsOfValidationQuestionsOnly() {
        models.serve(1, DEFAULT);
        ask("answer");
        ask("validation", question -> question.setPurpose(Purpose.VALIDATION));
        loop.poll(Duration.ZERO);
        assertThat(answers()).hasSize(2);
        List<PredictiveStatistics> sent = delivery.of(
                CONNECTION.topics().predictiveStatistics(), CONNECTION.deserializer(PredictiveStatistics.class));
        assertThat(sent).extracting(PredictiveStatistics::getQuestionId).containsExactly("validation");
        assertThat(heard.measured).containsExactly("tiny");
        assertThat(models.requests())
                .as("a validation question wants the newest posterior")
                .isEqualTo(1);
    }

    @Test
    void shouldAskForLogitsOfTokensThatTheModelLacks() {
        models.serve(1, DEFAULT);
        ask("other labels", question -> question.setChoices(List.of(new Choice("C", "one"), new Choice("D", "two"))));
        loop.poll(Duration.ZERO);
        assertThat(answers()).hasSize(1);
        assertThat(answers().get(0).getLabels()).containsExactly("C", "D");
        assertThat(models.requests()).isEqualTo(1);
    }

    /** Three to a batch, sorted by length: two batches, of which only the first has lengths that differ. */
    @Test
    void shouldPutQuestionsOfLikeLengthIntoOneBatch() {
        models.serve(1, DEFAULT);
        for (int words : new int[] {9, 1, 9, 1, 2, 9}) {
            ask("q" + offset, question -> question.setStem("word ".repeat(words).strip()));
        }
        loop.poll(Duration.ZERO);
        assertThat(answers()).hasSize(6);
        assertThat(heard.committed.get(0).padding()).isEqualTo(2);
    }

    /** The records are bytes, but the schema of their values is the registry's to tell. */
    @Test
    void shouldGiveThePollBackWhereTheRegistryDoesNotAnswer() {
        models.serve(1, DEFAULT);
        QuestionLoop unable = loop(Connection.to("127.0.0.1:9092", "http://127.0.0.1:1"));
        consumer.rebalance(List.of(QUESTIONS));
        ask("one");
        assertThatThrownBy(() -> unable.poll(Duration.ZERO)).isInstanceOf(RegistryUnavailableException.class);
        assertThat(delivery.records).isEmpty();
        assertThat(consumer.position(QUESTIONS)).isZero();
    }

    @Test
    void shouldGiveThePollBackWhereTheFitIsDeletedMeanwhile() {
        models.serve(1, DEFAULT);
        models.withdraw(DEFAULT);
        ask("one", question -> question.setPurpose(Purpose.VALIDATION));
        loop.poll(Duration.ZERO);
        assertThat(delivery.records).isEmpty();
        assertThat(delivery.offsets).isEmpty();
        assertThat(consumer.position(QUESTIONS)).isZero();
    }

    @Test
    void shouldDeadLetterAQuestionWhoseAnswerItsTopicDoesNotTakeAndAnswerTheOthers() {
        models.serve(1, DEFAULT);
        ask("one");
        ask("long id", question -> question.setPurpose(Purpose.VALIDATION));
        ask("two");
        delivery.limit = record -> keyOf(record).equals("long id")
                        && record.topic().equals(CONNECTION.topics().answers())
                ? 10
                : 1_000_000;
        loop.poll(Duration.ZERO);
        assertThat(answers()).extracting(Answer::getQuestionId).containsExactlyInAnyOrder("one", "two");
        assertThat(reason("long id"))
                .isEqualTo("the answer cannot be sent: too large for answers"
                        .replace("answers", CONNECTION.topics().answers()));
        assertThat(delivery.of(
                        CONNECTION.topics().predictiveStatistics(),
                        CONNECTION.deserializer(PredictiveStatistics.class)))
                .as("statistics of an answer that there is not")
                .isEmpty();
        assertThat(heard.committed.get(0))
                .extracting(Committed::answered, Committed::rejected)
                .containsExactly(2, 1);
        assertThat(delivery.offsets.get(QUESTIONS).offset()).isEqualTo(3);
    }

    @Test
    void shouldKeepTheHeadOfAQuestionThatItsDeadLetterTopicDoesNotTake() {
        models.serve(1, DEFAULT);
        add("junk", new byte[200_000]);
        ask("one");
        delivery.limit = record -> 100_000;
        loop.poll(Duration.ZERO);
        assertThat(answers()).hasSize(1);
        assertThat(reason("junk")).contains("schema id");
        ProducerRecord<byte[], byte[]> letter = delivery.records.stream()
                .filter(record -> keyOf(record).equals("junk"))
                .findFirst()
                .orElseThrow();
        assertThat(letter.value().length).isBetween(1_000, 16_384);
        assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.VALUE_BYTES, ""))
                .isEqualTo("200000");
        assertThat(heard.committed.get(0).rejected()).isEqualTo(1);
    }

    @Test
    void shouldStopWhereTheDeadLetterTopicTakesNothing() {
        models.serve(1, DEFAULT);
        add("junk", new byte[200_000]);
        delivery.limit = record -> 10;
        assertThatThrownBy(() -> loop.poll(Duration.ZERO))
                .hasMessage("too large for " + CONNECTION.topics().scorerDeadLetters());
    }

    /** What an answer cannot go without is the answer; statistics only make a prior precision better. */
    @Test
    void shouldSendAnAnswerWithoutItsStatisticsWhereTheirTopicDoesNotTakeThem() {
        models.serve(1, DEFAULT);
        ask("one", question -> question.setPurpose(Purpose.VALIDATION));
        delivery.limit = record -> record.topic().equals(CONNECTION.topics().predictiveStatistics()) ? 10 : 1_000_000;
        loop.poll(Duration.ZERO);
        assertThat(answers()).hasSize(1);
        assertThat(delivery.records).hasSize(1);
    }

    @Test
    void shouldLeaveItToTheDeliveryWhereToGoOnAfterAFailedOne() {
        models.serve(1, DEFAULT);
        delivery.works = false;
        ask("one");
        loop.poll(Duration.ZERO);
        assertThat(heard.committed).isEmpty();
        assertThat(consumer.position(QUESTIONS)).isEqualTo(1);
        loop.poll(Duration.ZERO);
        assertThat(delivery.prepared).isEqualTo(2);
    }

    private void ask(String id) {
        ask(id, question -> {});
    }

    private void ask(String id, Consumer<Question> change) {
        Question question = new Question();
        question.setStem("which word");
        question.setChoices(List.of(new Choice("A", "one"), new Choice("B", "two")));
        question.setPurpose(Purpose.ANSWER);
        change.accept(question);
        add(id, CONNECTION.serializer(Question.class).serialize(QUESTIONS.topic(), question));
    }

    private void add(String id, byte[] value) {
        consumer.addRecord(
                new ConsumerRecord<>(QUESTIONS.topic(), 0, offset++, id.getBytes(StandardCharsets.UTF_8), value));
    }

    private List<Answer> answers() {
        return delivery.of(CONNECTION.topics().answers(), CONNECTION.deserializer(Answer.class));
    }

    private String reason(String id) {
        return delivery.records.stream()
                .filter(record -> record.topic().equals(CONNECTION.topics().scorerDeadLetters())
                        && new String(record.key(), StandardCharsets.UTF_8).equals(id))
                .map(record -> DeadLetterHeaders.text(record.headers(), DeadLetterHeaders.MESSAGE, "no reason"))
                .findFirst()
                .orElse("no dead letter");
    }

    private static String keyOf(ProducerRecord<byte[], byte[]> record) {
        return new String(record.key(), StandardCharsets.UTF_8);
    }

    private static final class Kept implements Delivery {
        private final List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        private Map<TopicPartition, OffsetAndMetadata> offsets = Map.of();
        private ToIntFunction<ProducerRecord<byte[], byte[]>> limit = record -> Integer.MAX_VALUE;
        private boolean works = true;
        private boolean closed;
        private int prepared;

        @Override
        public void prepare() {
            prepared++;
        }

        @Override
        public boolean deliver(
                List<ProducerRecord<byte[], byte[]>> out, Map<TopicPartition, OffsetAndMetadata> positions) {
            IdentityHashMap<ProducerRecord<byte[], byte[]>, String> tooLarge = new IdentityHashMap<>();
            out.stream()
                    .filter(record -> record.value().length > limit.applyAsInt(record))
                    .forEach(record -> tooLarge.put(record, "too large for " + record.topic()));
            if (!tooLarge.isEmpty()) {
                throw new OversizedException(tooLarge, new KafkaException("in an error state"));
            }
            records.addAll(out);
            offsets = positions;
            return works;
        }

        <T> List<T> of(String topic, Deserializer<T> values) {
            return records.stream()
                    .filter(record -> record.topic().equals(topic))
                    .map(record -> values.deserialize(topic, record.value()))
                    .toList();
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private static final class Heard implements ScorerListener {
        private final List<Committed> committed = new ArrayList<>();
        private final List<String> measured = new ArrayList<>();

        @Override
        public void committed(Committed poll) {
            committed.add(poll);
        }

        @Override
        public void measured(String run, int bytes) {
            measured.add(run);
        }
    }
}
