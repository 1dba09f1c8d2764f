package io.calibrant.infra.live;

import io.calibrant.trainer.model.ModelConfig;
import java.util.Comparator;
import java.util.regex.Pattern;

/** Blocks by name: their order, and a short name for narrow places. */
public final class Blocks {
    /** By layer, then as the names say; what belongs to no layer comes last. */
    public static final Comparator<String> ORDER =
            Comparator.comparingInt(Blocks::layer).thenComparing(Comparator.naturalOrder());

    private static final Pattern IN_A_LAYER = Pattern.compile("model\\.layers\\.\\d{1,6}\\..+");
    private static final int NONE = Integer.MAX_VALUE;

    private Blocks() {}

    /** The layer; what a topic calls a block may be anything. */
    private static int layer(String block) {
        return IN_A_LAYER.matcher(block).matches() ? ModelConfig.layerOf(block) : NONE;
    }

    /** Where a block belongs: {@code layer 3}, or {@code head} for what is in no layer. */
    public static String group(String block) {
        int layer = layer(block);
        return layer == NONE ? "head" : "layer " + layer;
    }

    /** {@code model.layers.3.self_attn.q_proj.lora_A} is {@code 3 q_proj A}. */
    public static String shortName(String block) {
        String[] parts = block.split("\\.", -1);
        int last = parts.length - 1;
        if (last < 1) {
            return block;
        }
        String matrix = parts[last].startsWith("lora_") ? parts[last].substring(5) : parts[last];
        int layer = layer(block);
        return (layer == NONE ? "" : layer + " ") + parts[last - 1] + " " + matrix;
    }
}
