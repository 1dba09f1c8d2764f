package io.calibrant.trainer.statistics;

import io.calibrant.trainer.lora.Adapter;
import java.util.LinkedHashMap;
import java.util.Map;

/** The weights at which curvature is measured, and how far they are from where they came from. */
public final class Checkpoint {
    /** The name under which statistics go while the weights still move. */
    public static final String LIVE = "live";

    private final String name;
    private final Map<String, Records.Weight> weights;
    private final Map<String, Records.Weight> saved;
    private final Map<String, Records.Weight> initial;
    private final Map<String, Double> squaredNorms = new LinkedHashMap<>();
    private final Map<String, Double> squaredDistances = new LinkedHashMap<>();

    /**
     * Weights under a name.
     *
     * @param name for example step-400
     * @param adapter the weights
     * @param initial the weights before fine-tuning; null where they are not known
     */
    public Checkpoint(String name, Adapter adapter, Adapter initial) {
        this.name = name;
        weights = Records.weights(adapter);
        saved = Records.saved(adapter);
        this.initial = initial == null ? Map.of() : Records.weights(initial);
        weights.forEach((block, weight) -> squaredNorms.put(block, weight.squaredNorm()));
        this.initial.forEach((block, before) ->
                squaredDistances.put(block, weights.get(block).squaredDistance(before)));
    }

    /** Whether a checkpoint is that of weights which still move, of whichever generation of a run. */
    public static boolean isLive(String checkpoint) {
        return checkpoint.equals(LIVE) || checkpoint.endsWith("." + LIVE);
    }

    /** For example step-400. */
    public String name() {
        return name;
    }

    /** About how many bytes the weights take. */
    public long bytes() {
        return bytes(weights) + bytes(saved) + bytes(initial);
    }

    private static long bytes(Map<String, Records.Weight> some) {
        return some.values().stream().mapToLong(w -> 4L * w.values().length).sum();
    }

    Map<String, Records.Weight> weights() {
        return weights;
    }

    /** What the adapter has beside its blocks. */
    Map<String, Records.Weight> saved() {
        return saved;
    }

    /** The weights before fine-tuning; empty where they are not known. */
    Map<String, Records.Weight> initial() {
        return initial;
    }

    /** ||theta||^2 of every block. */
    public Map<String, Double> squaredNorms() {
        return squaredNorms;
    }

    /** ||theta - theta_0||^2 of every block; empty where theta_0 is not known. */
    Map<String, Double> squaredDistances() {
        return squaredDistances;
    }
}
