package io.calibrant.infra.commands.output;

import io.calibrant.fitter.topology.FitterListener;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.scorer.answering.Tier;
import java.time.Duration;
import java.util.DoubleSummaryStatistics;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/** Progress of every run, at most a line a second, and a line at the end of its pass. */
public final class FitProgress implements FitterListener {
    private static final long EVERY_NANOS = Duration.ofSeconds(1).toNanos();

    private record Pass(long began, long atBegin, long told) {}

    private final Consumer<String> lines;
    private final LongSupplier nanos;
    private final Map<String, Pass> passes = new HashMap<>();

    /**
     * Progress as lines of text.
     *
     * @param lines takes each line
     * @param nanos the time, as of {@link System#nanoTime()}
     */
    public FitProgress(Consumer<String> lines, LongSupplier nanos) {
        this.lines = lines;
        this.nanos = nanos;
    }

    /** Called by several stream threads. */
    @Override
    public synchronized void accept(Posterior posterior) {
        String name = posterior.getRunId() + '/' + posterior.getCheckpoint() + '/' + posterior.getFit();
        long now = nanos.getAsLong();
        Pass pass = passes.get(name);
        boolean complete = posterior.getState() != PosteriorState.LIVE;
        if (pass != null && !complete && now - pass.told < EVERY_NANOS) {
            return;
        }
        lines.accept(name + ": " + describe(posterior) + end(posterior, pass, now));
        if (complete) {
            passes.remove(name);
        } else {
            passes.put(
                    name,
                    pass == null
                            ? new Pass(now, posterior.getBatches(), now)
                            : new Pass(pass.began, pass.atBegin, now));
        }
    }

    private static String end(Posterior posterior, Pass pass, long now) {
        return switch (posterior.getState()) {
            case LIVE -> remaining(posterior, pass, now);
            case COMPLETE -> ", complete";
            case PARTIAL -> ", all that is selected";
        };
    }

    private static String describe(Posterior posterior) {
        DoubleSummaryStatistics lambda = posterior.getBlocks().stream()
                .mapToDouble(BlockPrecision::getLambda)
                .summaryStatistics();
        return posterior.getBlocks().size() + " blocks, " + PosteriorFields.batches(posterior) + " batches"
                + PosteriorFields.waiting(posterior) + ", lambda "
                + Output.number(lambda.getMin())
                + (lambda.getMax() > lambda.getMin() ? " to " + Output.number(lambda.getMax()) : "")
                + ", log evidence " + Output.number(posterior.getLogEvidence())
                + noise(posterior)
                + (posterior.getLabels() == 0 ? "" : ", " + calibrated(posterior));
    }

    private static String noise(Posterior posterior) {
        Double noise = PosteriorFields.noise(posterior);
        return noise == null ? "" : ", noise of a logit " + Output.number(noise);
    }

    private static String calibrated(Posterior posterior) {
        return "calibrated on " + posterior.getLabels() + " labels: T " + Output.number(posterior.getTemperature())
                + ", " + weights(posterior);
    }

    /** The weights of tier all, for example {@code weights scaled 0.31, noise 0.32}. */
    private static String weights(Posterior posterior) {
        return posterior.getTiers().stream()
                .filter(tier -> tier.getTier().equals(Tier.ALL.label()))
                .flatMap(tier -> tier.getMembers().stream())
                .map(member -> String.format(Locale.ROOT, "%s %.2f", member.getName(), member.getWeight()))
                .collect(Collectors.joining(", ", "weights ", ""));
    }

    private static String remaining(Posterior posterior, Pass pass, long now) {
        if (pass == null || posterior.getBatchesExpected() == null || posterior.getBatches() <= pass.atBegin) {
            return "";
        }
        double each = (double) (now - pass.began) / (posterior.getBatches() - pass.atBegin);
        double left = each * (posterior.getBatchesExpected() - posterior.getBatches());
        return ", about " + Math.round(left / 1e9) + " s remain";
    }
}
