package io.calibrant.infra.monitor;

import io.calibrant.infra.live.FitHistory;
import io.calibrant.infra.live.LiveState;
import java.util.Comparator;
import java.util.Set;
import java.util.TreeSet;

/**
 * The run, checkpoint, fit and block that a page asks for; null where any will do.
 *
 * @param with what is laid over it, as {@code run} or {@code run/checkpoint/fit}; null for nothing
 */
record PageSelection(String run, String checkpoint, String fit, String block, String with) {

    /**
     * The run to show: the one that was asked for, else the one that changed last, else any; null where there is none.
     */
    String runIn(LiveState state) {
        if (run != null) {
            return run;
        }
        return state.fits().stream()
                .max(Comparator.comparingLong(FitHistory::changed))
                .map(each -> each.name().run())
                .orElse(
                        state.runs().isEmpty()
                                ? null
                                : state.runs().keySet().iterator().next());
    }

    /** The fit to show: of those that were asked for the one that changed last; null where there is none. */
    FitHistory fitIn(LiveState state) {
        String of = runIn(state);
        return of == null
                ? null
                : state.fits(of).stream()
                        .filter(each ->
                                checkpoint == null || each.name().checkpoint().equals(checkpoint))
                        .filter(each -> fit == null || each.name().fit().equals(fit))
                        .findFirst()
                        .orElse(null);
    }

    /** What is laid over it, as a selection of its own; null for nothing. */
    PageSelection other() {
        if (with == null) {
            return null;
        }
        String[] parts = with.split("/", -1);
        return parts.length == 3
                ? new PageSelection(parts[0], parts[1], parts[2], null, null)
                : new PageSelection(with, null, null, null, null);
    }

    /** Why the selection matches nothing, in a sentence; empty where it matches. */
    String unknown(LiveState state) {
        Set<String> runs = new TreeSet<>(state.runs().keySet());
        state.fits().forEach(each -> runs.add(each.name().run()));
        if (run != null && !runs.contains(run) && state.progress(run) == null) {
            return "There is no run '" + run + "' on the topics"
                    + (runs.isEmpty() ? ", there is none yet." : ", there are: " + String.join(", ", runs) + ".");
        }
        if ((checkpoint != null || fit != null) && fitIn(state) == null) {
            return "Run '" + runIn(state) + "' has no fit '" + (fit == null ? "" : fit) + "' of checkpoint '"
                    + (checkpoint == null ? "" : checkpoint) + "'.";
        }
        return "";
    }
}
