package io.calibrant.infra.commands.output;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.infra.refit.Gap;
import io.calibrant.infra.refit.RefitPlan;
import java.util.List;
import java.util.Locale;

/** What a refit would read, before anything is written. */
public final class RefitPlanPrinter {
    private final String run;
    private final String fit;

    /**
     * A printer of plans.
     *
     * @param run the run whose statistics are read
     * @param fit the name of the new fit
     */
    public RefitPlanPrinter(String run, String fit) {
        this.run = run;
        this.fit = fit;
    }

    /** The size of a plan, in a few words. */
    public static String summary(RefitPlan plan) {
        return plan.records() + " statistics, " + Output.bytes(plan.bytes()) + ", "
                + plan.checkpoints().size()
                + (plan.checkpoints().size() == 1 ? " checkpoint, " : " checkpoints, ") + "about "
                + Output.duration(plan.estimatedSeconds());
    }

    /**
     * Prints a plan for people.
     *
     * @param topic the topic of the statistics
     */
    public void describe(Output output, String topic, RefitPlan plan) {
        output.line("Fit '" + fit + "' of run '" + run + "' from topic " + topic + ":");
        plan.checkpoints()
                .forEach((each, batches) -> output.line("  checkpoint " + each + ": " + batches + " batches"
                        + (plan.missing().containsKey(each)
                                ? ", " + plan.missing().get(each) + " have not come yet"
                                : "")));
        output.line("  " + plan.records() + " statistics, " + Output.bytes(plan.bytes()) + ", sent from " + plan.first()
                + " to " + plan.last());
        output.line(
                plan.gaps().isEmpty()
                        ? "  nothing of it has been dropped by retention"
                        : "  dropped by retention: " + plan.gaps() + "; the posterior will be PARTIAL");
        output.line(String.format(
                Locale.ROOT,
                "  about %s with %d threads: an estimate, from the %.0f MB/s at which the topic was just read,"
                        + " %.2f ms a fold on a sample of these statistics, and 1 ms for state and changelog",
                Output.duration(plan.estimatedSeconds()),
                plan.settings().streaming().threads(),
                plan.bytesPerSecond() / 1e6,
                1e3 * plan.secondsPerFold()));
        output.line(
                plan.begun()
                        ? "The name stands for these settings already: --execute goes on, or calibrates on new labels."
                        : "Nothing is written; --execute does it.");
    }

    /** A plan as JSON. */
    public ObjectNode object(RefitPlan plan) {
        ObjectNode object = Output.object();
        object.put("fit", fit);
        object.put("run", run);
        ArrayNode checkpoints = object.putArray("checkpoints");
        plan.checkpoints().forEach((each, batches) -> {
            ObjectNode node = checkpoints.addObject();
            node.put("checkpoint", each);
            node.put("batches", batches);
            node.put("missing", plan.missing().getOrDefault(each, 0L));
        });
        object.put("records", plan.records());
        object.put("bytes", plan.bytes());
        object.put("firstSent", String.valueOf(plan.first()));
        object.put("lastSent", String.valueOf(plan.last()));
        ArrayNode gaps = object.putArray("dropped");
        for (Gap gap : plan.gaps()) {
            ObjectNode node = gaps.addObject();
            node.put("checkpoint", gap.checkpoint());
            node.set("blocks", Output.json(gap.blocks()));
            node.set(
                    "batches",
                    Output.json(gap.ranges().stream()
                            .map(range -> List.of(range.first(), range.last()))
                            .toList()));
        }
        object.put("partial", !plan.gaps().isEmpty());
        object.put("estimatedSeconds", plan.estimatedSeconds());
        object.put("begun", plan.begun());
        return object;
    }
}
