package io.calibrant.fitter.labels;

import io.calibrant.fitter.monitoring.CalibrationEvidence;
import java.io.IOException;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;

/** Writes down what the labels say against the served probabilities. */
final class ServedEvidence {
    private ServedEvidence() {}

    static void write(CalibrationEvidence evidence, BinaryEncoder out) throws IOException {
        SortedMap<Long, long[]> days = evidence.days();
        out.writeInt(days.size());
        for (Map.Entry<Long, long[]> day : days.entrySet()) {
            out.writeLong(day.getKey());
            for (long sum : day.getValue()) {
                out.writeLong(sum);
            }
        }
    }

    static CalibrationEvidence read(BinaryDecoder in) throws IOException {
        Map<Long, long[]> days = new TreeMap<>();
        int count = in.readInt();
        for (int i = 0; i < count; i++) {
            long day = in.readLong();
            long[] sums = new long[CalibrationEvidence.LENGTH];
            for (int j = 0; j < sums.length; j++) {
                sums[j] = in.readLong();
            }
            days.put(day, sums);
        }
        return CalibrationEvidence.ofDays(days);
    }
}
