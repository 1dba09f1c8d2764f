package io.calibrant.fitter.telemetry;

import static io.calibrant.fitter.telemetry.Figures.value;

import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Instant;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Gauges of the latest posteriors, by run, checkpoint and fit. Of more than {@link #MOST} the newest are shown, and one
 * gauge says how many there are.
 */
final class PosteriorGauges {
    static final int MOST = 100;

    private final Figures<Posterior> figures;
    private final AtomicInteger count = new AtomicInteger();

    PosteriorGauges(MeterRegistry registry) {
        Gauge.builder("calibrant.fitter.posteriors", count, AtomicInteger::get)
                .description("Posteriors of the partitions of this process, of runs that are there")
                .strongReference(true)
                .register(registry);
        figures = new Figures<>(
                registry,
                posterior -> Tags.of(
                        "run", posterior.getRunId(),
                        "checkpoint", posterior.getCheckpoint(),
                        "fit", posterior.getFit()));
        figures.add(
                "calibrant.fitter.posterior.version",
                null,
                "Version of the latest posterior",
                posterior -> Map.of(Tags.of("state", posterior.getState().name().toLowerCase(Locale.ROOT)), (double)
                        posterior.getVersion()));
        figures.add(
                "calibrant.fitter.posterior.batches",
                null,
                "Batches that are folded into every block",
                posterior -> value(posterior.getBatches()));
        figures.add(
                "calibrant.fitter.posterior.batches.expected",
                null,
                "Batches of the whole pass, where it has an end",
                posterior -> value(posterior.getBatchesExpected()));
        figures.add(
                "calibrant.fitter.posterior.captured.energy",
                "ratio",
                "Share of the large sides' energy that the kept columns have",
                posterior -> value(posterior.getCapturedEnergy()));
        figures.add(
                "calibrant.fitter.posterior.log.evidence",
                "nats",
                "Log evidence at the chosen prior precision",
                posterior -> value(posterior.getLogEvidence()));
        figures.add(
                "calibrant.fitter.posterior.prior.precision",
                null,
                "Prior precision, the least and the greatest of all blocks",
                PosteriorGauges::precision);
        figures.add(
                "calibrant.fitter.posterior.effective.parameters",
                null,
                "Effective number of parameters",
                posterior -> value(posterior.getEffectiveParameters()));
        figures.add(
                "calibrant.fitter.posterior.labels",
                null,
                "Labelled validation answers that the calibration rests on",
                posterior -> value(posterior.getLabels()));
        figures.add(
                "calibrant.fitter.posterior.age",
                "seconds",
                "Time since the last statistic that was folded",
                posterior -> value((System.currentTimeMillis() - time(posterior).toEpochMilli()) / 1e3));
    }

    private static Instant time(Posterior posterior) {
        return posterior.getTimestamp();
    }

    private static Map<Tags, Double> precision(Posterior posterior) {
        DoubleSummaryStatistics lambda = posterior.getBlocks().stream()
                .mapToDouble(BlockPrecision::getLambda)
                .summaryStatistics();
        return lambda.getCount() == 0
                ? Map.of()
                : Map.of(Tags.of("bound", "min"), lambda.getMin(), Tags.of("bound", "max"), lambda.getMax());
    }

    void show(List<Posterior> posteriors) {
        count.set(posteriors.size());
        figures.show(posteriors.stream()
                .sorted(Comparator.comparing(PosteriorGauges::time).reversed())
                .limit(MOST)
                .toList());
    }
}
