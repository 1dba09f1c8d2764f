package io.calibrant.trainer.lora;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Ranks and alphas of single maps, as PEFT's {@code rank_pattern} and {@code alpha_pattern} say them. A key is a
 * regular expression; it applies where it ends a map's path, from its beginning or from a dot on. The first that does
 * wins.
 *
 * @param ranks r by key, in order
 * @param alphas alpha by key, in order
 */
public record LoraPatterns(Map<String, Integer> ranks, Map<String, Double> alphas) {
    /** No map differs. */
    public static final LoraPatterns NONE = new LoraPatterns(Map.of(), Map.of());

    /**
     * Copies them in their order.
     *
     * @throws IllegalArgumentException if a rank is below 1, an alpha not above 0, or a key no regular expression
     */
    public LoraPatterns {
        ranks = Collections.unmodifiableMap(new LinkedHashMap<>(ranks));
        alphas = Collections.unmodifiableMap(new LinkedHashMap<>(alphas));
        ranks.forEach((key, rank) -> require(rank >= 1, "rank_pattern", key, "1 or more", rank));
        alphas.forEach((key, alpha) ->
                require(alpha > 0 && !Double.isInfinite(alpha), "alpha_pattern", key, "above 0 and finite", alpha));
        ranks.keySet().forEach(LoraPatterns::compiled);
        alphas.keySet().forEach(LoraPatterns::compiled);
    }

    private static void require(boolean condition, String which, String key, String accepted, Object found) {
        if (!condition) {
            throw new IllegalArgumentException(which + " of '" + key + "' must be " + accepted + ", got " + found);
        }
    }

    /** The rank of a map; {@code otherwise} where no key applies. */
    int rank(String path, int otherwise) {
        return first(ranks, path, otherwise);
    }

    /** The alpha of a map; {@code otherwise} where no key applies. */
    double alpha(String path, double otherwise) {
        return first(alphas, path, otherwise);
    }

    private static <V> V first(Map<String, V> byKey, String path, V otherwise) {
        for (Map.Entry<String, V> each : byKey.entrySet()) {
            if (each.getKey().equals(path)
                    || compiled(each.getKey()).matcher(path).matches()) {
                return each.getValue();
            }
        }
        return otherwise;
    }

    private static Pattern compiled(String key) {
        try {
            return Pattern.compile("(.*\\.)?(" + key + ")");
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "LoRA pattern must be a regular expression, got '" + key + "': " + e.getDescription(), e);
        }
    }
}
