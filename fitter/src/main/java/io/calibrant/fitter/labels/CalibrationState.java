package io.calibrant.fitter.labels;

import io.calibrant.fitter.monitoring.Alarm;
import io.calibrant.fitter.monitoring.FamiliarityAlarm;
import io.calibrant.fitter.monitoring.ShiryaevRoberts;
import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.kafka.common.serialization.Serde;

/**
 * What is kept of one record of topic calibration: counts that do not depend on the order of their changes, and, of the
 * total of a fit, the alarm, which does.
 *
 * @param familiarity whether the questions are of another kind, in the order in which they came
 */
public record CalibrationState(CalibrationCounts counts, FamiliarityAlarm familiarity) {
    /** Nothing counted. */
    public static final CalibrationState NONE = new CalibrationState(CalibrationCounts.NONE, FamiliarityAlarm.START);

    public static final Serde<CalibrationState> SERDE =
            BinaryForm.serde(CalibrationState::write, CalibrationState::read);

    /**
     * After a change; null where nothing is left.
     *
     * @param expectedRunLength questions expected until a false alarm
     */
    public CalibrationState after(QuestionChange.OfCounts change, double expectedRunLength) {
        CalibrationCounts now = change.appliedTo(counts);
        if (now == null) {
            return null;
        }
        AskedQuestion asked = change.asked();
        return new CalibrationState(
                now,
                asked == null
                        ? familiarity
                        : familiarity.next(
                                asked.time(),
                                asked.rank().exceeding(),
                                asked.rank().scores(),
                                expectedRunLength));
    }

    private static void write(CalibrationState state, BinaryEncoder out) throws IOException {
        CalibrationCounts.write(state.counts, out);
        FamiliarityAlarm familiarity = state.familiarity;
        out.writeLong(familiarity.questions());
        if (familiarity.questions() > 0) {
            for (double sum : familiarity.sums().toDoubles()) {
                out.writeDouble(sum);
            }
            for (long bits : familiarity.recentBits()) {
                out.writeLong(bits);
            }
            out.writeLong(familiarity.alarm().since());
            out.writeLong(familiarity.alarm().quiet());
        }
        state.counts.writeAlone(out);
    }

    private static CalibrationState read(BinaryDecoder in) throws IOException {
        CalibrationCounts counts = CalibrationCounts.read(in);
        long questions = in.isEnd() ? 0 : in.readLong(); // an earlier version ends with the counts
        if (questions == 0) {
            return new CalibrationState(counts.withAlone(in), FamiliarityAlarm.START);
        }
        double[] sums = new double[ShiryaevRoberts.LENGTH];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = in.readDouble();
        }
        long[] bits = FamiliarityAlarm.START.recentBits();
        for (int i = 0; i < bits.length; i++) {
            bits[i] = in.readLong();
        }
        Alarm alarm = new Alarm(in.readLong(), in.readLong());
        return new CalibrationState(
                counts.withAlone(in), FamiliarityAlarm.of(ShiryaevRoberts.ofDoubles(sums), questions, bits, alarm));
    }
}
