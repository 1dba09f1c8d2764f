package io.calibrant.fitter.topology;

import io.calibrant.fitter.settings.StatisticsSelection;
import io.calibrant.schemas.avro.Factor;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Tells of batches that do not come though later ones of their pass have: retention took them, somebody deleted them,
 * or they are dead letters. The fit of such a pass stays LIVE, and by itself nobody would learn why. Nothing is told of
 * a fit that is to leave batches out.
 */
final class MissingBatches {
    /** How often to look. */
    static final Duration LOOK = Duration.ofSeconds(5);

    /** Shards of a pass come in any order: a gap counts once nothing has come for so long. */
    private static final long QUIET_MILLIS = 15_000;

    private final StatisticsSelection selection;
    private final Consumer<String> lines;
    private final Map<String, Gap> gaps = new HashMap<>();
    private final Set<String> said = new HashSet<>();

    private record Gap(String pass, String block, long from, long to, Long expected, long since) {}

    /** @param lines hears of each pass once */
    MissingBatches(StatisticsSelection selection, Consumer<String> lines) {
        this.selection = selection;
        this.lines = lines;
    }

    /** A batch was folded into this state of a block. */
    void folded(String key, Factor state, long now) {
        long next = state.getFoldedSequences().stream()
                .mapToLong(sequence -> sequence.getFirst())
                .min()
                .orElse(Long.MAX_VALUE);
        if (next == Long.MAX_VALUE || selection.leavesOut(state.getBatchesExpected())) {
            gaps.remove(key);
            return;
        }
        gaps.put(
                key,
                new Gap(
                        "run '" + state.getRunId() + "', checkpoint " + state.getCheckpoint(),
                        state.getBlock(),
                        state.getFoldedBelow(),
                        next - 1,
                        state.getBatchesExpected(),
                        now));
    }

    /** Tells of the gaps that are old enough. */
    void look(long now) {
        Map<String, Gap> first = new TreeMap<>();
        Map<String, Integer> blocks = new HashMap<>();
        gaps.values().forEach(gap -> {
            if (now - gap.since >= QUIET_MILLIS && !said.contains(gap.pass)) {
                first.merge(gap.pass, gap, (one, other) -> one.block.compareTo(other.block) <= 0 ? one : other);
                blocks.merge(gap.pass, 1, Integer::sum);
            }
        });
        first.forEach((pass, gap) -> {
            said.add(pass);
            int others = blocks.get(pass) - 1;
            lines.accept(
                    pass + ": " + (gap.from == gap.to ? "batch " + gap.from : "batches " + gap.from + " to " + gap.to)
                            + (gap.expected == null ? "" : " of " + gap.expected) + " of block " + gap.block
                            + (others == 0 ? "" : " and of " + others + " more")
                            + " have not come, later ones have: if they are"
                            + " gone from the topic or are dead letters, the fit stays LIVE until they are sent again");
        });
    }
}
