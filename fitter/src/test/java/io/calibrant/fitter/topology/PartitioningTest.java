package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Records in other partitions than Java's clients choose. A test driver puts all of them in partition 0: of four
 * partitions that is the wrong one for most keys. LabelsIT and FitterIT do it with a broker.
 */
class PartitioningTest {
    private static final long TIME = 1000;

    @TempDir
    Path stateDir;

    @Test
    void shouldBeThatOfJavaClients() {
        for (int i = 0; i < 200; i++) {
            String key = "Frage " + i + "/\u00e4\u4e2d";
            for (int partitions : new int[] {1, 4, 7, 50}) {
                assertThat(Partitioning.of(key, partitions))
                        .isEqualTo(
                                BuiltInPartitioner.partitionForKey(key.getBytes(StandardCharsets.UTF_8), partitions));
            }
        }
    }

    @Test
    void shouldJoinFoldAndCountWhatLiesElsewhere() {
        try (Driver driver = new Driver(Driver.settings(), stateDir, new InputPartitions(4, 4))) {
            driver.run(Pass.run(Pass.RANK));
            for (long batch = 0; batch < 2; batch++) {
                for (Block block : Pass.BLOCKS) {
                    driver.send(block, batch, 2L);
                }
            }
            for (int i = 0; i < 40; i++) {
                driver.answer(Answers.of("q" + i, i), TIME);
                driver.label("q" + i, "A", TIME);
            }
            assertThat(driver.calibration()
                            .get(Pass.RUN + "/" + Pass.CHECKPOINT + "/default/total")
                            .getN())
                    .isEqualTo(40);
            List<Posterior> posteriors = driver.posteriors();
            assertThat(posteriors.get(posteriors.size() - 1).getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    @Test
    void shouldNameTheTopicThatABadRecordCameFrom() {
        try (Driver driver = new Driver(Driver.settings(), stateDir, new InputPartitions(4, 4))) {
            int letters = 0;
            for (int i = 0; i < 8; i++) {
                Answer bad = Answers.of("q" + i, i);
                bad.setLabels(List.of("A"));
                driver.answer(bad, TIME);
                for (TestRecord<byte[], byte[]> letter : driver.deadLetters()) {
                    letters++;
                    assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.TOPIC, ""))
                            .isEqualTo("answers");
                    assertThat(DeadLetterHeaders.text(letter.headers(), DeadLetterHeaders.OFFSET, ""))
                            .isEqualTo(Integer.toString(i));
                }
            }
            assertThat(letters).isEqualTo(8);
        }
    }

    @Test
    void shouldKeepThePositionThatARecordCameFrom() {
        SourcePosition from = new SourcePosition("pre.labels", 3, 17);
        RecordHeaders headers = new RecordHeaders();
        assertThat(SourcePosition.in(headers)).isEmpty();
        assertThat(SourcePosition.in(from.addedTo(new SourcePosition("x", 1, 1).addedTo(headers))))
                .isEqualTo(Optional.of(from));
        assertThat(SourcePosition.in(new RecordHeaders().add("__calibrant.source", new byte[] {1})))
                .isEmpty();
    }

    /** As after its offsets were set back, or have expired while the fitter was stopped. */
    @Test
    void shouldNotCountTwiceWhereTheGroupWentBack() {
        try (Driver driver = new Driver(Driver.settings(), stateDir, new InputPartitions(4, 4))) {
            driver.answer(Answers.of("q1", 1), TIME);
            assertThat(driver.calibration()).hasSize(2);
            driver.setCounted(31);
            driver.label("q1", "A", TIME);
            assertThat(driver.calibration()).isEmpty();
            driver.setCounted(0);
            driver.answer(Answers.of("q2", 1), TIME);
            assertThat(driver.calibration()).hasSize(2);
            assertThat(driver.deadLetters()).isEmpty();
        }
    }
}
