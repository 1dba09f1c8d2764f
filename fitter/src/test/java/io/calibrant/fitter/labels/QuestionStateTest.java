package io.calibrant.fitter.labels;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.schemas.Keys;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Questions that an earlier version stored, in which no accuracy was estimated, and what it had counted of them. */
class QuestionStateTest {
    private static final long TIME = 1_700_000_000_000L;
    private static final AnswerSummary ANSWER = new AnswerSummary(
            "r",
            "c",
            1,
            TIME,
            3_600_000,
            List.of("A", "B"),
            List.of(.75, .25),
            null,
            List.of(.75, .25),
            null,
            null,
            null,
            null,
            null,
            true);

    @ParameterizedTest
    @NullSource
    @ValueSource(strings = {"A", "E"})
    void shouldSubtractOnlyWhatAnEarlierVersionCounted(String label) throws IOException {
        QuestionState stored = stored(2, label);
        CalibrationCounts counted = asCountedBefore(counts(stored));

        // forgotten
        assertThat(counted.minus(counts(stored)).isEmpty()).isTrue();
        assertThat(counted.plus(counts(stored).forgotten()).isEmpty()).isTrue();

        // labelled, or labelled once more
        QuestionState labelled = again(stored).with(null, "B", TIME + 1, true);
        CalibrationCounts after = counted.minus(counts(stored)).plus(counts(labelled));
        assertThat(after.served().n()).isEqualTo(1);
        assertThat(after.accuracySums().answers()).isZero();
        assertThat(after.accuracySums().labels()).isZero();
        assertThat(after.evidence().isEmpty()).isTrue();

        // answered once more
        QuestionState answered = again(labelled).with(ANSWER);
        after = after.minus(counts(again(labelled))).plus(counts(answered));
        assertThat(after.accuracySums().answers()).isEqualTo(1);
        assertThat(after.accuracySums().labels()).isEqualTo(1);
        assertThat(after.evidence().isEmpty()).isFalse();
        assertThat(after).isEqualTo(counts(again(answered)));
    }

    @Test
    void shouldTakeWhatTheLastVersionCountedForEstimated() throws IOException {
        assertThat(stored(3, "A").answers()).containsExactly(ANSWER);
        assertThat(counts(stored(3, "A")).accuracySums().labels()).isEqualTo(1);
    }

    /** The bytes of an earlier form. */
    private static QuestionState stored(int form, String label) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(1);
        BinaryEncoder out = EncoderFactory.get().directBinaryEncoder(bytes, null);
        out.writeInt(form);
        out.writeInt(label == null ? 0 : 1);
        if (label != null) {
            LabelState.write(new LabelState(null, label, TIME, 0, true), out);
        }
        out.writeInt(1);
        AnswerSummary.write(ANSWER, out);
        BinaryForm.optional(null, out);
        if (form == 3) {
            BinaryForm.doubles(null, out);
            FamiliarityRank.optional(null, out);
        }
        out.writeLong(0);
        return QuestionState.SERDE.deserializer().deserialize("", bytes.toByteArray());
    }

    /** The same counts, as a version wrote them that estimated no accuracy. */
    private static CalibrationCounts asCountedBefore(CalibrationCounts counts) throws IOException {
        long[] all = new long[5 + 3 * MetricSums.LENGTH];
        all[0] = counts.waiting();
        all[1] = counts.unusable();
        all[2] = counts.contradicting();
        all[3] = counts.unanswered();
        List<MetricSums> sums = List.of(counts.map(), counts.temperature(), counts.served());
        for (int i = 0; i < sums.size(); i++) {
            System.arraycopy(sums.get(i).toLongs(), 0, all, 4 + i * MetricSums.LENGTH, MetricSums.LENGTH);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(1);
        BinaryEncoder out = EncoderFactory.get().directBinaryEncoder(bytes, null);
        out.writeLong(counts.newest());
        BinaryForm.sparse(all, out);
        out.flush();
        return CalibrationCounts.SERDE.deserializer().deserialize("", bytes.toByteArray());
    }

    private static CalibrationCounts counts(QuestionState state) {
        return new RunQuestion("r", state, QuestionState.UNKNOWN)
                .counts("f")
                .get(Keys.calibration("r", "c", "f", CalibrationWindow.TOTAL));
    }

    private static QuestionState again(QuestionState state) {
        return QuestionState.SERDE
                .deserializer()
                .deserialize("", QuestionState.SERDE.serializer().serialize("", state));
    }
}
