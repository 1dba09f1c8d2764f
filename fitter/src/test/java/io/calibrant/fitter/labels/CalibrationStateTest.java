package io.calibrant.fitter.labels;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.metrics.LabelledProbabilities;
import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.monitoring.CalibrationEvidence;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;

class CalibrationStateTest {
    @Test
    void shouldReadWhatItWroteAndGoOn() {
        CalibrationState state = CalibrationState.NONE;
        for (int i = 0; i < 100; i++) {
            state = state.after(asked(i, i < 80 ? 200 : 0), 1e6);
        }
        assertThat(state.familiarity().alarm().isOn()).isTrue();
        CalibrationState read = again(state);
        assertThat(read).isEqualTo(state);
        assertThat(read.after(asked(100, 7), 1e6)).isEqualTo(state.after(asked(100, 7), 1e6));
    }

    @Test
    void shouldCountNothingOfAnEarlierVersionForAccuracy() throws IOException {
        // Three answers as served, two of them right: the sums of the first coarse bin, as they were written down.
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(1);
        BinaryEncoder out = EncoderFactory.get().directBinaryEncoder(bytes, null);
        long[] all = new long[5 + 3 * MetricSums.LENGTH];
        int served = 4 + 2 * MetricSums.LENGTH;
        all[served + 2] = 3;
        all[served + 3] = 2;
        all[served + 4] = 1L << 32;
        all[all.length - 1] = 9;
        out.writeLong(1234);
        BinaryForm.sparse(all, out);
        out.flush();

        CalibrationState state = CalibrationState.SERDE.deserializer().deserialize("", bytes.toByteArray());

        assertThat(state.counts().served().n()).isEqualTo(3);
        assertThat(state.counts().otherTexts()).isEqualTo(9);
        assertThat(state.counts().accuracySums().answers()).isZero();
        assertThat(state.counts().accuracySums().labels()).isZero();
        assertThat(state.familiarity().questions()).isZero();
        assertThat(again(state)).isEqualTo(state);
    }

    @Test
    void shouldKeepWhatTellsTheMethodsOnTheSameQuestionsBehindWhatAnEarlierVersionReads() {
        MetricSums one = MetricSums.of(new LabelledProbabilities(new double[] {0.75, 0.25}, 0));
        MetricSums two = one.plus(MetricSums.of(new LabelledProbabilities(new double[] {0.5, 0.5}, 1)));
        CalibrationCounts counts = counts(two, one, one);
        for (int asked : new int[] {0, 5}) {
            CalibrationState state = CalibrationState.NONE.after(new QuestionChange.OfCounts(counts), 1e6);
            for (int i = 0; i < asked; i++) {
                state = state.after(asked(i, 7), 1e6);
            }
            assertThat(again(state)).isEqualTo(state);
            assertThat(again(state).counts().mapAlone()).isEqualTo(one);
        }
        for (AskedQuestion asked : new AskedQuestion[] {null, new AskedQuestion(3, new FamiliarityRank(1, 400))}) {
            QuestionChange.OfCounts change = new QuestionChange.OfCounts(counts, asked);
            byte[] bytes = QuestionChange.OfCounts.SERDE.serializer().serialize("", change);
            assertThat(QuestionChange.OfCounts.SERDE.deserializer().deserialize("", bytes))
                    .isEqualTo(change);
        }
        assertThat(counts.besideTemperature(counts.map(), counts.mapAlone())).contains(two.minus(one));
        // An earlier version has counted one of them nowhere, or all have all three: nothing to tell apart.
        assertThat(counts(two, one, MetricSums.NONE).besideTemperature(two, MetricSums.NONE))
                .isEmpty();
        assertThat(counts(two, two, one).besideTemperature(two, one)).isEmpty();
    }

    /** Otherwise each window of before an upgrade would stay on the topic for ever, with nothing in it. */
    @Test
    void shouldBeEmptyWhereAnEarlierVersionHasNotCountedApartWhatIsForgottenNow() {
        MetricSums one = MetricSums.of(new LabelledProbabilities(new double[] {0.75, 0.25}, 0));
        CalibrationCounts asItWasCounted = counts(one, MetricSums.NONE, MetricSums.NONE);
        CalibrationCounts left =
                asItWasCounted.plus(counts(one, MetricSums.NONE, one).forgotten());
        assertThat(left.isEmpty()).isTrue();
    }

    private static CalibrationCounts counts(MetricSums all, MetricSums temperature, MetricSums alone) {
        return new CalibrationCounts(
                0, 0, 0, 0, all, temperature, all, 7, 0, AccuracyParts.NONE, CalibrationEvidence.NONE, alone, alone);
    }

    private static QuestionChange.OfCounts asked(long time, int exceeding) {
        QuestionChange.OfCounts change = new QuestionChange.OfCounts(
                CalibrationCounts.of(1, 0, 0, 0, 0), new AskedQuestion(time, new FamiliarityRank(exceeding, 400)));
        byte[] bytes = QuestionChange.OfCounts.SERDE.serializer().serialize("", change);
        assertThat(QuestionChange.OfCounts.SERDE.deserializer().deserialize("", bytes))
                .isEqualTo(change);
        return change;
    }

    private static CalibrationState again(CalibrationState state) {
        return CalibrationState.SERDE
                .deserializer()
                .deserialize("", CalibrationState.SERDE.serializer().serialize("", state));
    }
}
