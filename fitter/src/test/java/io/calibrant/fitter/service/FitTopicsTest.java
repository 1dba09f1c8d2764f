package io.calibrant.fitter.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.TopicIdentity;
import io.calibrant.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a fitter makes of topics that are not what they were, and of topics that refuse what it sends. */
class FitTopicsTest {
    private static final FitTopics TOPICS = new FitTopics(new Topics("p."), FitterSettings.defaults());
    private static final String BEGIN_ANEW = "calibrant fits --delete default --force";

    private static Map<String, TopicIdentity> now() {
        Map<String, TopicIdentity> now = new TreeMap<>();
        for (String topic : TOPICS.ofTheContract()) {
            now.put(topic, new TopicIdentity("id of " + topic, 4));
        }
        for (String store : new String[] {"factors", "questions", "counted"}) {
            String topic = "p.calibrant-fitter-" + store + "-changelog";
            now.put(topic, new TopicIdentity("id of " + topic, 4));
        }
        now.put("p.calibrant-fitter-tallies-repartition", new TopicIdentity("tallies", 4));
        return now;
    }

    private static Map<String, TopicIdentity> anew(String topic) {
        Map<String, TopicIdentity> now = now();
        now.put(topic, new TopicIdentity("another", 4));
        return now;
    }

    @Test
    void shouldGoOnWhereNothingHasChangedOrNothingIsKnown() {
        assertThat(TOPICS.compare(FitTopics.ids(now()), now())).isEmpty();
        assertThat(TOPICS.compare(Map.of(), now())).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "p.statistics",
                "p.factors",
                "p.posteriors",
                "p.calibrant-fitter-factors-changelog",
                "p.calibrant-fitter-tallies-repartition"
            })
    void shouldRefuseAStateThatIsOfAnotherTopic(String topic) {
        Map<String, String> recorded = FitTopics.ids(now());
        assertThatThrownBy(() -> TOPICS.compare(recorded, anew(topic)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("topic " + topic + " was deleted and created anew")
                .hasMessageContaining(BEGIN_ANEW);
    }

    @ParameterizedTest
    @ValueSource(strings = {"p.answers", "p.labels", "p.runs", "p.calibration", "p.factor-updates"})
    void shouldTellOfATopicWhoseRecordsReplaceWhatWas(String topic) {
        assertThat(TOPICS.compare(FitTopics.ids(now()), anew(topic)))
                .singleElement()
                .asString()
                .contains("topic " + topic + " was deleted and created anew")
                .contains(BEGIN_ANEW);
    }

    @Test
    void shouldRefuseAStateWhoseChangelogIsGone() {
        Map<String, TopicIdentity> now = now();
        now.remove("p.calibrant-fitter-questions-changelog");
        Map<String, String> recorded = FitTopics.ids(now());
        assertThatThrownBy(() -> TOPICS.compare(recorded, now))
                .hasMessageContaining("topic p.calibrant-fitter-questions-changelog is gone")
                .hasMessageContaining(BEGIN_ANEW);
    }

    @Test
    void shouldRefuseAnInputThatWasCutOtherwise() {
        Map<String, TopicIdentity> now = now();
        now.put("p.statistics", new TopicIdentity("id of p.statistics", 8));
        assertThatThrownBy(() -> TOPICS.compare(FitTopics.ids(now), now))
                .hasMessageContaining("topic p.statistics has 8 partitions, fit 'default' began with 4")
                .hasMessageContaining(BEGIN_ANEW);
        assertThat(TopicIdentity.change(now(), now)).isEqualTo("topic p.statistics has 8 partitions now, it had 4");
    }

    @Test
    void shouldRefuseInternalTopicsOfAFitThatNobodyKnows() {
        assertThatThrownBy(() -> TOPICS.requireNothingOfAnUnknownFit(now()))
                .hasMessageContaining("topic p.fits says nothing of fit 'default'")
                .hasMessageContaining(BEGIN_ANEW);
        TOPICS.requireNothingOfAnUnknownFit(Map.of("p.statistics", new TopicIdentity("id", 4)));
    }

    @Test
    void shouldSeeWhatHappensWhileItRuns() {
        assertThat(TopicIdentity.change(now(), now())).isNull();
        assertThat(TopicIdentity.change(now(), anew("p.labels")))
                .isEqualTo("topic p.labels was deleted and created anew");
        Map<String, TopicIdentity> gone = now();
        gone.remove("p.statistics");
        assertThat(TopicIdentity.change(now(), gone)).isEqualTo("topic p.statistics was deleted");
    }

    @Test
    void shouldTakeATopicForDeletedOnlyAfterSomeLooks() throws Exception {
        Map<String, TopicIdentity> gone = now();
        gone.remove("p.calibrant-fitter-questions-changelog");
        Map<String, String> recorded = FitTopics.ids(now());
        int[] looks = {0};
        assertThat(TOPICS.awaited(
                        recorded, () -> ++looks[0] < FitTopics.LOOKS_AT_THE_START ? gone : now(), Duration.ZERO))
                .isEqualTo(now());
        assertThat(TOPICS.awaited(recorded, () -> gone, Duration.ZERO)).isEqualTo(gone);

        looks[0] = 0;
        assertThat(FitTopicsWatch.change(TOPICS, now(), () -> ++looks[0] < 30 ? gone : now(), Duration.ZERO))
                .isNull();
        assertThat(FitTopicsWatch.change(TOPICS, now(), () -> gone, Duration.ZERO))
                .startsWith("topic p.calibrant-fitter-questions-changelog was deleted, and")
                .contains(BEGIN_ANEW);
        looks[0] = 0;
        FitTopics.Look changed = () -> {
            looks[0]++;
            return anew("p.statistics");
        };
        assertThat(FitTopicsWatch.change(TOPICS, now(), changed, Duration.ZERO)).contains(BEGIN_ANEW);
        assertThat(looks[0]).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"p.factors", "p.posteriors", "p.calibration", "p.factor-updates", "p.runs", "p.labels"})
    void shouldNotAdviseToDeleteAFitWhoseStateIsRight(String topic) {
        Map<String, TopicIdentity> grown = now();
        grown.put(topic, new TopicIdentity("id of " + topic, 8));
        assertThat(TOPICS.change(now(), grown))
                .isEqualTo("topic " + topic + " has 8 partitions now, it had 4: start the fitter again");
    }

    @Test
    void shouldAdviseWhileItRunsAsAtItsStart() {
        assertThat(TOPICS.change(now(), now())).isNull();
        assertThat(TOPICS.gone(now(), now())).isNull();
        assertThat(TOPICS.change(now(), anew("p.labels")))
                .isEqualTo("topic p.labels was deleted and created anew: start the fitter again");
        assertThat(TOPICS.change(now(), anew("p.factors"))).contains(BEGIN_ANEW);
        for (String topic : new String[] {"p.statistics", "p.answers", "p.calibrant-fitter-counted-changelog"}) {
            Map<String, TopicIdentity> grown = now();
            grown.put(topic, new TopicIdentity("id of " + topic, 8));
            assertThat(TOPICS.change(now(), grown)).contains("8 partitions").contains(BEGIN_ANEW);
        }
        Map<String, TopicIdentity> gone = now();
        gone.remove("p.labels");
        assertThat(TOPICS.gone(now(), gone))
                .isEqualTo("topic p.labels was deleted: create it with 'calibrant topics --apply', and start the"
                        + " fitter again");
    }

    /** With metadata of before Kafka 2.8 a broker names no ids. */
    @Test
    void shouldTakeAnIdThatTheBrokerDoesNotSayForUnknown() {
        String zero = Uuid.ZERO_UUID.toString();
        Map<String, TopicIdentity> unknown = now();
        unknown.replaceAll((topic, identity) -> new TopicIdentity(zero, identity.partitions()));
        assertThat(FitTopics.ids(unknown)).isEmpty();
        assertThat(TOPICS.compare(FitTopics.ids(now()), unknown)).isEmpty();
        assertThat(TOPICS.compare(Map.of("p.statistics", zero), now())).isEmpty();
        assertThat(TOPICS.change(now(), unknown)).isNull();
        assertThat(TOPICS.change(unknown, now())).isNull();
    }

    @Test
    void shouldNameTheTopicThatRefusesARecord() {
        byte[] key = "r/c/b".getBytes(StandardCharsets.UTF_8);
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>("p.factors", 1, 1000L, key, new byte[100]);
        assertThat(RefusedOutputs.message(record, new InvalidTimestampException("no")))
                .contains("topic p.factors does not take the timestamp 1000 (1970-01-01T00:00:01Z) of record 'r/c/b'")
                .contains("message.timestamp.before.max.ms");
        assertThat(RefusedOutputs.message(record, new RecordTooLargeException("no")))
                .contains("record 'r/c/b' of 105 bytes is too large for topic p.factors");
    }

    @Test
    void shouldEndOnlyForWhatATopicRefuses() {
        int[] heard = {0};
        RefusedOutputs handler = new RefusedOutputs();
        Map<String, Object> configs = new HashMap<>();
        java.util.function.Consumer<Throwable> listener = failure -> heard[0]++;
        configs.put(RefusedOutputs.LISTENER_CONFIG, listener);
        handler.configure(configs);
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>("p.factors", new byte[1]);
        handler.handleError(null, record, new NotLeaderOrFollowerException("later"));
        assertThat(heard[0]).isZero();
        handler.handleError(null, record, new InvalidTimestampException("no"));
        assertThat(heard[0]).isEqualTo(1);
    }

    @Test
    void shouldRepairTheNegativeTimestampOfARun() {
        TopicPartition partition = new TopicPartition("p.runs", 0);
        var good = run(0, 7);
        var records = new ConsumerRecords<>(
                Map.of(partition, java.util.List.of(good, run(1, -5))), Map.of(partition, new OffsetAndMetadata(2)));
        var repaired = new RunTimestamps().onConsume(records);
        assertThat(repaired.records(partition))
                .extracting(ConsumerRecord::timestamp)
                .containsExactly(7L, 0L);
        assertThat(repaired.records(partition))
                .extracting(ConsumerRecord::offset)
                .containsExactly(0L, 1L);
        assertThat(repaired.nextOffsets()).isEqualTo(records.nextOffsets());
    }

    private static ConsumerRecord<byte[], byte[]> run(long offset, long timestamp) {
        return new ConsumerRecord<>(
                "p.runs",
                0,
                offset,
                timestamp,
                TimestampType.CREATE_TIME,
                1,
                1,
                new byte[1],
                new byte[1],
                new RecordHeaders(),
                java.util.Optional.empty());
    }
}
