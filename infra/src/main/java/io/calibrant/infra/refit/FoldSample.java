package io.calibrant.infra.refit;

import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** How long a fold takes, on a few statistics of the topic itself and on this machine. */
final class FoldSample {
    private static final int ROUNDS = 5;

    private FoldSample() {}

    /** Seconds a statistic in the fastest of five rounds; 0 for none. */
    static double seconds(List<Statistics> sample, Run run, FitterSettings settings) {
        if (sample.isEmpty()) {
            return 0;
        }
        Integer rank = settings.selection().rankOf(run);
        long fastest = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            Map<String, KroneckerFactor> factors = new HashMap<>();
            long began = System.nanoTime();
            for (Statistics each : sample) {
                fold(each, factors, rank, settings);
            }
            fastest = Math.min(fastest, System.nanoTime() - began);
        }
        return fastest / 1e9 / sample.size();
    }

    private static void fold(
            Statistics value, Map<String, KroneckerFactor> factors, Integer rank, FitterSettings settings) {
        List<Integer> rows = value.getRows().getShape();
        List<Integer> small = value.getSmall().getShape();
        if (rows.size() != 2 || small.size() != 2) {
            return; // the fitter will put it away
        }
        KroneckerFactor before = factors.computeIfAbsent(
                value.getCheckpoint() + '/' + value.getBlock(),
                block -> KroneckerFactor.empty(rows.get(1), small.get(0), rank, settings.compression()));
        try {
            BatchSums sums = new BatchSums(
                    FactorRecords.rows(value.getRows()),
                    rows.get(0),
                    value.getTrace(),
                    Tensors.doubles(value.getSmall()),
                    value.getN(),
                    value.getExamples(),
                    value.getLogLikelihood());
            factors.put(value.getCheckpoint() + '/' + value.getBlock(), before.fold(sums, value.getForgetting()));
        } catch (IllegalArgumentException | ArithmeticException e) {
            // The fitter will put this one away, too: shapes that do not fit, or numbers that are not finite.
        }
    }
}
