package io.calibrant.fitter.settings;

import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.Shard;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Statistics;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which statistics a fit folds, and into how many columns: of a refit, which replays a part of the topic or in another
 * way. What is not selected is passed over as if it had never been sent.
 *
 * @param run of this run only; null for all
 * @param checkpoint of this checkpoint only; null for all
 * @param from the first batch; 0 for all
 * @param to the last batch; {@link Long#MAX_VALUE} for all
 * @param before only what was sent before this time, milliseconds; {@link Long#MAX_VALUE} for all
 * @param excludedSources without what these sources sent, for example shard 1/3
 * @param rank columns to keep of the large side; null for as many as the run says
 * @param present how many batches are there to be folded, by runId/checkpoint/block, where that does not follow from
 *     the others: of a pass of which retention has dropped a part. No setting: it says when the fit has all it will get
 */
public record StatisticsSelection(
        String run,
        String checkpoint,
        long from,
        long to,
        long before,
        Set<String> excludedSources,
        Integer rank,
        Map<String, Long> present) {
    /** Everything, as the run says. */
    public static final StatisticsSelection ALL =
            new StatisticsSelection(null, null, 0, Long.MAX_VALUE, Set.of(), null);

    /** A trainer reduces a batch to so many rows for each column of its rank: no rank beyond has a basis. */
    private static final int ROWS_A_COLUMN = 2;

    /**
     * Checks every value.
     *
     * @throws ConfigurationException naming the flag, the value and what is accepted
     */
    public StatisticsSelection {
        if (run != null) {
            Require.name("--run", run);
        }
        if (checkpoint != null) {
            Require.name("--checkpoint", checkpoint);
        }
        Require.atLeast("--from", from, 0);
        Require.atLeast("--to", to, from);
        if (rank != null) {
            Require.atLeast("--rank", rank, 1);
        }
        excludedSources = Set.copyOf(excludedSources);
        present = Map.copyOf(present);
    }

    /** Whenever it was sent, and as many as the pass has. */
    public StatisticsSelection(
            String run, String checkpoint, long from, long to, Set<String> excludedSources, Integer rank) {
        this(run, checkpoint, from, to, Long.MAX_VALUE, excludedSources, rank, Map.of());
    }

    /** The same of what is there. */
    public StatisticsSelection withPresent(Map<String, Long> there) {
        return new StatisticsSelection(run, checkpoint, from, to, before, excludedSources, rank, there);
    }

    /**
     * Whether a statistic is selected.
     *
     * @param timestamp when it was sent, milliseconds
     * @throws ConfigurationException if the first or the last batch cuts a record in two
     */
    public boolean has(Statistics value, long timestamp) {
        if (timestamp >= before
                || (run != null && !run.equals(value.getRunId()))
                || (checkpoint != null && !checkpoint.equals(value.getCheckpoint()))
                || excludedSources.contains(value.getSource())) {
            return false;
        }
        if (from == 0 && to == Long.MAX_VALUE) {
            return true; // also what has an impossible number, which is to be refused
        }
        long first = value.getBatch();
        long last = first + (value.getBatches() - 1L) * value.getStride();
        if (last < from || first > to) {
            return false;
        }
        if (first < from || last > to) {
            throw new ConfigurationException(
                    first < from ? "--from" : "--to",
                    first < from ? from : to,
                    "on the edge of a record: batches " + first + " to " + last + " of block " + value.getBlock()
                            + " came in one");
        }
        return true;
    }

    /**
     * Whether batches of a pass are left out, or known not to be there: that they are missing says nothing then.
     *
     * @param expected how many the pass has; null for a pass without an end
     */
    public boolean leavesOut(Long expected) {
        return from > 0
                || to < (expected == null ? Long.MAX_VALUE : expected - 1)
                || before < Long.MAX_VALUE
                || !excludedSources.isEmpty()
                || !present.isEmpty();
    }

    /**
     * The columns to keep of a run's large sides; null keeps them in full.
     *
     * @throws ConfigurationException if the run's statistics have too few rows for the rank asked for
     */
    public Integer rankOf(Run of) {
        if (rank != null && of.getRank() != null && rank > ROWS_A_COLUMN * of.getRank()) {
            int rows = ROWS_A_COLUMN * of.getRank();
            throw new ConfigurationException(
                    "--rank",
                    rank,
                    "1 to " + rows + ", the rows a batch of run '" + of.getRunId() + "' has (its rank is "
                            + of.getRank() + ")");
        }
        return rank == null ? of.getRank() : rank;
    }

    /**
     * Which of the shards with missing batches are waited for: of a part of the batches none, as it is not said which.
     */
    public List<String> awaited(List<String> missing, Long expected) {
        boolean part = expected != null && (from > 0 || to < expected - 1 || !present.isEmpty());
        return part
                ? List.of()
                : missing.stream()
                        .filter(shard -> !excludedSources.contains(shard))
                        .toList();
    }

    /**
     * How many batches of a pass are selected, so far as that is known; null for a pass without an end.
     *
     * @param key runId/checkpoint/block
     */
    public Long batches(String key, Long expected) {
        if (expected == null) {
            return null;
        }
        if (!present.isEmpty()) {
            return present.get(key);
        }
        long last = Math.min(expected - 1, to);
        long count = Math.max(0, last - from + 1);
        for (String source : excludedSources) {
            Optional<Shard> shard = Shard.find(source);
            if (shard.isEmpty()) {
                return expected; // which batches are its own is not written in its name
            }
            count -= from <= last
                    ? shard.get().batchesBelow(last + 1) - shard.get().batchesBelow(from)
                    : 0;
        }
        return count;
    }
}
