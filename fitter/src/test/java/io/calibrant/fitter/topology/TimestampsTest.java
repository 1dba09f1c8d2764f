package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.settings.LabelSettings;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.avro.CalibrationMetrics;
import io.calibrant.schemas.avro.PredictiveStatistics;
import io.calibrant.schemas.avro.PriorObjective;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ObjLongConsumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Records whose timestamp no clock gives: each is a dead letter, and the time of the others stays theirs. */
class TimestampsTest {
    private static final String FIT = Pass.RUN + "/" + Pass.CHECKPOINT + "/default";
    private static final long AT_TEN = Instant.parse("2026-11-25T10:00:00Z").toEpochMilli();
    private static final long MICROSECONDS = Driver.NOW.toEpochMilli() * 1000;
    private static final long NOW = Driver.NOW.toEpochMilli();

    @TempDir
    Path stateDir;

    private record Input(String topic, ObjLongConsumer<Driver> send) {
        @Override
        public String toString() {
            return topic;
        }
    }

    static List<Input> inputs() {
        return List.of(
                new Input("statistics", (driver, time) -> driver.sendAt(Pass.A, 1, time)),
                new Input("answers", (driver, time) -> driver.answer(Answers.of("bad", 1), time)),
                new Input("labels", (driver, time) -> driver.label("bad", "A", time)),
                new Input(
                        "predictive-statistics",
                        (driver, time) -> driver.predictive(
                                PredictiveStatistics.newBuilder()
                                        .setQuestionId("bad")
                                        .setRunId(Pass.RUN)
                                        .setCheckpoint(Pass.CHECKPOINT)
                                        .setFit("default")
                                        .setPosteriorVersion(1)
                                        .setLabels(Answers.LABELS)
                                        .setContrastMean(List.of(0.0, 0.0, 0.0))
                                        .setBlocks(List.of())
                                        .build(),
                                time)));
    }

    @ParameterizedTest
    @MethodSource("inputs")
    void shouldPutAwayWhatNoClockGivesAndGoOn(Input input) {
        try (Driver driver = new Driver(Driver.settings(PriorObjective.VALIDATION), stateDir, Map.of())) {
            driver.run(Pass.run(Pass.RANK));
            driver.sendAt(Pass.A, 0, AT_TEN);
            Map<Long, String> bad = Map.of(
                    NOW + Duration.ofHours(1).toMillis(),
                    "is more than 55 minutes ahead (2100-01-01T01:00:00Z)",
                    100_000_000_000_000L,
                    "is more than 55 minutes ahead (5138-11-16",
                    MICROSECONDS,
                    "is more than 55 minutes ahead; these look like microseconds",
                    Long.MAX_VALUE,
                    "is more than 55 minutes ahead");
            bad.forEach((time, reason) -> {
                input.send().accept(driver, time);
                List<TestRecord<byte[], byte[]>> letters = driver.deadLetters();
                assertThat(letters).hasSize(1);
                TestRecord<byte[], byte[]> letter = letters.get(0);
                assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.MESSAGE, ""))
                        .contains(reason);
                assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.TOPIC, ""))
                        .isEqualTo(input.topic());
                assertThat(letter.timestamp()).isNull(); // that of the moment it is sent, which the broker takes
            });
            driver.answer(Answers.of("good", 1), AT_TEN);
            driver.label("good", "A", AT_TEN);
            driver.sendAt(Pass.A, 1, AT_TEN);
            CalibrationMetrics total = driver.calibration().get(FIT + "/total");
            assertThat(total.getN()).isEqualTo(1);
            assertThat(total.getAnswersWithoutLabel()).isZero();
            assertThat(driver.updates()).hasSize(2);
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    /** A test driver and Java's producers refuse them; other clients send them. */
    @Test
    void shouldReplaceNegativeTimestampsByTheTimeOfThePartition() {
        CheckedTimestamps timestamps = new CheckedTimestamps(Clock.fixed(Driver.NOW, ZoneOffset.UTC));
        for (long bad : new long[] {-1, -5, Long.MIN_VALUE}) {
            ConsumerRecord<Object, Object> record = record(bad);
            assertThat(timestamps.extract(record, AT_TEN)).isEqualTo(AT_TEN);
            assertThat(CheckedTimestamps.refusal(record.headers()))
                    .isEqualTo("timestamp " + bad + ", expected milliseconds since 1970");
            assertThat(timestamps.extract(record(bad), -1)).isZero();
            // an earlier version let a partition's time be any
            assertThat(timestamps.extract(record(bad), 100_000_000_000_000L)).isZero();
        }
        ConsumerRecord<Object, Object> good = record(0);
        assertThat(timestamps.extract(good, AT_TEN)).isZero();
        assertThat(CheckedTimestamps.refusal(good.headers())).isNull();
    }

    @Test
    void shouldTakeADeadLetterThatIsSentAgainWithAGoodTimestamp() {
        CheckedTimestamps timestamps = new CheckedTimestamps(Clock.fixed(Driver.NOW, ZoneOffset.UTC));
        ConsumerRecord<Object, Object> again = record(AT_TEN);
        again.headers().add(CheckedTimestamps.REFUSED, new byte[] {'x'}).add("theirs", new byte[0]);
        new SourcePosition("answers", 1, 2).addedTo(again.headers());
        assertThat(timestamps.extract(again, 0)).isEqualTo(AT_TEN);
        assertThat(again.headers()).extracting(Header::key).containsExactly("theirs");
    }

    private static ConsumerRecord<Object, Object> record(long timestamp) {
        return new ConsumerRecord<>(
                "labels",
                0,
                7,
                timestamp,
                TimestampType.CREATE_TIME,
                1,
                1,
                "q",
                "A",
                new RecordHeaders(),
                Optional.empty());
    }

    @Test
    void shouldTakeWhatIsALittleAhead() {
        try (Driver driver = new Driver(Driver.settings(), stateDir, Map.of())) {
            driver.answer(Answers.of("q", 1), NOW + Duration.ofMinutes(54).toMillis());
            driver.label("q", "A", 0);
            assertThat(driver.deadLetters()).isEmpty();
            assertThat(driver.calibration().get(FIT + "/total").getN()).isEqualTo(1);
        }
    }

    @Test
    void shouldNotForgetAnythingForALabelFromTheFuture() {
        LabelSettings days = new LabelSettings(Duration.ofHours(1), Duration.ofDays(2));
        try (Driver driver = new Driver(Driver.settings().with(days), stateDir, Map.of())) {
            for (int i = 0; i < 30; i++) {
                driver.answer(Answers.of("q" + i, i), AT_TEN);
            }
            driver.label("late", "A", 100_000_000_000_000L);
            for (int i = 0; i < 30; i++) {
                driver.label("q" + i, "A", AT_TEN);
            }
            assertThat(driver.deadLetters()).hasSize(1);
            Map<String, CalibrationMetrics> found = driver.calibration();
            assertThat(found).containsOnlyKeys(FIT + "/total", FIT + "/2026-11-25T10:00:00Z");
            found.values().forEach(metrics -> {
                assertThat(metrics.getN()).isEqualTo(30);
                assertThat(metrics.getAnswersWithoutLabel()).isZero();
            });
        }
    }
}
