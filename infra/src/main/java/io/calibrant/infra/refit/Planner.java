package io.calibrant.infra.refit;

import io.calibrant.fitter.folding.RunBlocks;
import io.calibrant.fitter.service.FitRegistry;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.reading.TopicReading;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** Checks what is asked of a refit against what is on the topics. Writes nothing. */
public final class Planner {
    private final Connection connection;
    private final FitterSettings settings;
    private final boolean allowPartial;
    private final Consumer<String> outages;

    /**
     * Reads nothing yet.
     *
     * @param settings of a refit
     * @param allowPartial whether a pass of which retention has dropped a part is taken as it is
     * @param outages called once when the broker or the registry is away, and once when it is back; both are waited for
     */
    public Planner(Connection connection, FitterSettings settings, boolean allowPartial, Consumer<String> outages) {
        this.connection = connection;
        this.settings = settings;
        this.allowPartial = allowPartial;
        this.outages = outages;
    }

    /**
     * What the refit would do.
     *
     * @throws IllegalArgumentException naming the flag, the value, and what there is or is accepted
     * @throws IllegalStateException if the name is taken, a topic is missing, or a part of the pass is gone
     */
    public RefitPlan plan() {
        StatisticsSelection selection = settings.selection();
        TopicAdmin.require(
                connection, connection.topics().runs(), connection.topics().statistics());
        Optional<Fit> there = FitRegistry.check(connection, settings);
        Run run = run(selection.run());
        selection.rankOf(run); // too many for what the run says
        StatisticsScan scan = StatisticsScan.of(connection, selection, outages);
        checkCheckpoint(scan, selection);
        checkSources(scan, selection);
        checkRank(scan, run, selection);
        if (settings.prior().mean() == PriorMean.INITIAL && !scan.knowsDistance) {
            throw new ConfigurationException(
                    "--prior-mean",
                    PriorMean.INITIAL,
                    "ZERO for run '" + selection.run() + "', whose adapter's initial values are not on the topics"
                            + " (it was trained elsewhere)");
        }
        checkRange(scan, selection);
        List<Gap> gaps = gaps(scan, run);
        Map<String, Long> missing = missing(scan, run);
        if (there.isEmpty()) {
            checkGaps(gaps, missing, scan, run);
        }
        FitterSettings planned = settings.selecting(
                selection.withPresent(there.isPresent() ? there.get().getPresent() : present(scan, selection, gaps)));
        Map<String, Long> batches = new TreeMap<>();
        scan.checkpoints.forEach((name, checkpoint) -> batches.put(
                name,
                checkpoint.blocks.values().stream()
                        .mapToLong(BlockScan::selected)
                        .min()
                        .orElse(0)));
        return new RefitPlan(
                planned,
                batches,
                scan.records,
                scan.bytes,
                scan.records == 0 ? null : Instant.ofEpochMilli(scan.firstTimestamp),
                scan.records == 0 ? null : Instant.ofEpochMilli(scan.lastTimestamp),
                gaps,
                missing,
                scan.bytesPerSecond,
                FoldSample.seconds(scan.sample, run, settings),
                there.isPresent());
    }

    private Run run(String runId) {
        Map<String, Run> runs = TopicReading.of(connection)
                .throughOutages(outages)
                .latest(connection.topics().runs(), Run.class);
        Run run = runs.get(runId);
        if (run == null) {
            throw new IllegalArgumentException(
                    "--run: there is no run '" + runId + "', there " + are(new TreeSet<>(runs.keySet())));
        }
        return run;
    }

    private static void checkCheckpoint(StatisticsScan scan, StatisticsSelection selection) {
        if (!scan.checkpoints.isEmpty()) {
            return;
        }
        if (selection.checkpoint() != null && !scan.otherCheckpoints.isEmpty()) {
            throw new IllegalArgumentException("--checkpoint: run '" + selection.run() + "' has no statistics of '"
                    + selection.checkpoint() + "', there " + are(scan.otherCheckpoints));
        }
        throw new IllegalArgumentException("--run: run '" + selection.run() + "' has no statistics on the topic"
                + (scan.truncated ? "; retention has dropped the oldest ones of all runs" : " yet"));
    }

    private static void checkSources(StatisticsScan scan, StatisticsSelection selection) {
        for (String source : new TreeSet<>(selection.excludedSources())) {
            if (!scan.sources.contains(source)) {
                throw new IllegalArgumentException("--exclude-source: nothing of run '" + selection.run()
                        + "' came from '" + source + "', there " + are(scan.sources));
            }
        }
    }

    private static void checkRank(StatisticsScan scan, Run run, StatisticsSelection selection) {
        if (selection.rank() != null && selection.rank() > scan.mostRows) {
            boolean wide = run.getBlocks().stream().anyMatch(block -> large(block) > scan.mostRows);
            if (wide) {
                throw new ConfigurationException(
                        "--rank",
                        selection.rank(),
                        "1 to " + scan.mostRows + ", the most rows that a statistic of run '" + run.getRunId()
                                + "' has");
            }
        }
    }

    private static int large(Block block) {
        return Math.max(block.getInputs(), block.getOutputs());
    }

    private static void checkRange(StatisticsScan scan, StatisticsSelection selection) {
        if (scan.records > 0) {
            return;
        }
        String passes = scan.checkpoints.values().stream()
                .map(checkpoint -> checkpoint.checkpoint + " has batches 0 to " + (checkpoint.end() - 1))
                .collect(Collectors.joining(", "));
        throw new IllegalArgumentException("nothing of run '" + selection.run() + "' is selected: " + passes
                + "; --from, --to, --to-datetime and --exclude-source leave nothing of them");
    }

    /** Whether a batch of a pass is asked for, by its number: that of a shard tells who sent it. */
    private boolean isWanted(long batch) {
        for (String source : settings.selection().excludedSources()) {
            if (BlockScan.shard(source).filter(shard -> shard.has(batch)).isPresent()) {
                return false;
            }
        }
        return true;
    }

    private List<Gap> gaps(StatisticsScan scan, Run run) {
        List<Gap> gaps = new ArrayList<>();
        for (CheckpointScan checkpoint : scan.checkpoints.values()) {
            Map<BitSet, List<String>> alike = new LinkedHashMap<>();
            for (Block block : RunBlocks.all(run)) {
                BlockScan of = checkpoint.block(block.getName());
                if (of.end() == 0 && scan.truncated) {
                    of.nothingLeft();
                }
                BitSet dropped = of.dropped(settings.selection().from(), to(checkpoint), this::isWanted);
                if (!dropped.isEmpty()) {
                    alike.computeIfAbsent(dropped, same -> new ArrayList<>()).add(block.getName());
                }
            }
            alike.forEach(
                    (dropped, blocks) -> gaps.add(new Gap(checkpoint.checkpoint, blocks, dropped, checkpoint.end())));
        }
        return List.copyOf(gaps);
    }

    private Map<String, Long> missing(StatisticsScan scan, Run run) {
        Map<String, Long> missing = new TreeMap<>();
        for (CheckpointScan checkpoint : scan.checkpoints.values()) {
            long most = 0;
            for (Block block : RunBlocks.all(run)) {
                most = Math.max(
                        most,
                        checkpoint
                                .block(block.getName())
                                .missing(settings.selection().from(), to(checkpoint), this::isWanted));
            }
            if (most > 0) {
                missing.put(checkpoint.checkpoint, most);
            }
        }
        return missing;
    }

    /** One more than the last batch that is asked for. */
    private long to(CheckpointScan checkpoint) {
        long last = settings.selection().to();
        return last == Long.MAX_VALUE ? checkpoint.end() : Math.min(checkpoint.end(), last + 1);
    }

    private void checkGaps(List<Gap> gaps, Map<String, Long> missing, StatisticsScan scan, Run run) {
        if (gaps.isEmpty()) {
            return;
        }
        if (!allowPartial) {
            throw new IllegalStateException("retention has dropped a part of run '" + run.getRunId() + "' from topic "
                    + connection.topics().statistics() + ": " + words(gaps)
                    + "; --allow-partial takes what is left, and the posterior will say for ever that it is partial");
        }
        for (Gap gap : gaps) {
            for (String block : gap.blocks()) {
                if (scan.checkpoints.get(gap.checkpoint()).block(block).selected() == 0) {
                    throw new IllegalStateException("--allow-partial: of block " + block + " of checkpoint "
                            + gap.checkpoint() + " nothing is left, and a posterior needs every block");
                }
            }
            if (missing.containsKey(gap.checkpoint())) {
                throw new IllegalStateException("--allow-partial: " + missing.get(gap.checkpoint())
                        + " batches of checkpoint " + gap.checkpoint()
                        + " have not come yet: refit a partial pass when it has ended");
            }
        }
    }

    private static String words(List<Gap> gaps) {
        List<Gap> shown = gaps.size() > 3 ? gaps.subList(0, 3) : gaps;
        return shown.stream().map(Gap::toString).collect(Collectors.joining("; "))
                + (shown.size() < gaps.size() ? "; and " + (gaps.size() - shown.size()) + " more" : "");
    }

    /** What there is to be folded of every block, where that does not follow from the selection alone. */
    private static Map<String, Long> present(StatisticsScan scan, StatisticsSelection selection, List<Gap> gaps) {
        boolean follows = gaps.isEmpty()
                && selection.before() == Long.MAX_VALUE
                && selection.excludedSources().stream().allMatch(source -> BlockScan.shard(source) != null);
        Map<String, Long> present = new TreeMap<>();
        if (!follows) {
            scan.checkpoints.forEach((name, checkpoint) -> checkpoint.blocks.forEach(
                    (block, of) -> present.put(Keys.block(selection.run(), name, block), of.selected())));
        }
        return present;
    }

    private static String are(SortedSet<String> names) {
        return names.isEmpty() ? "is none" : (names.size() == 1 ? "is " : "are ") + String.join(", ", names);
    }
}
