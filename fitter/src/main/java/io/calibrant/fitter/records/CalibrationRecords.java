package io.calibrant.fitter.records;

import io.calibrant.fitter.metrics.MetricSums;
import io.calibrant.fitter.metrics.Metrics;
import io.calibrant.schemas.avro.MethodMetrics;
import io.calibrant.schemas.avro.ReliabilityBin;
import java.util.ArrayList;
import java.util.List;

/** Writes figures of calibration. */
public final class CalibrationRecords {
    private static final int COARSE = 10;

    private CalibrationRecords() {}

    /** The figures of one kind of probabilities. */
    public static MethodMetrics metrics(MetricSums sums) {
        List<ReliabilityBin> bins = new ArrayList<>();
        sums.reliability(Metrics.DEFAULT_BINS)
                .bins()
                .forEach(bin -> bins.add(new ReliabilityBin((long) bin.count(), bin.confidence(), bin.accuracy())));
        return new MethodMetrics(
                sums.n(),
                sums.accuracy(),
                sums.nll(),
                sums.brier(),
                sums.reliability(COARSE).calibrationError(),
                sums.reliability(Metrics.DEFAULT_BINS).calibrationError(),
                bins);
    }
}
