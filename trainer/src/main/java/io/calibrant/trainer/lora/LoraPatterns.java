package io.calibrant.trainer.lora;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Ranks and alphas of single maps, as PEFT's {@code rank_pattern} and {@code alpha_pattern} say them. A key is a
 * regular expression; it applies where it ends a map's path, from its beginning or from a dot on. The first that does
 * wins. Immutable; equal where keys and values are, whatever their order.
 */
public final class LoraPatterns {
    /** No map differs. */
    public static final LoraPatterns NONE = new LoraPatterns(Map.of(), Map.of());

    private final Map<String, Integer> ranks;
    private final Map<String, Double> alphas;
    private final Map<String, Pattern> compiled = new HashMap<>();

    /**
     * Copies them in their order.
     *
     * @param ranks r by key
     * @param alphas alpha by key
     * @throws IllegalArgumentException if a rank is below 1, an alpha not above 0, or a key no regular expression
     */
    public LoraPatterns(Map<String, Integer> ranks, Map<String, Double> alphas) {
        this.ranks = Collections.unmodifiableMap(new LinkedHashMap<>(ranks));
        this.alphas = Collections.unmodifiableMap(new LinkedHashMap<>(alphas));
        ranks.forEach((key, rank) -> require(rank >= 1, "rank_pattern", key, "1 or more", rank));
        alphas.forEach((key, alpha) ->
                require(alpha > 0 && !Double.isInfinite(alpha), "alpha_pattern", key, "above 0 and finite", alpha));
        ranks.keySet().forEach(key -> compiled.put(key, compile(key)));
        alphas.keySet().forEach(key -> compiled.computeIfAbsent(key, LoraPatterns::compile));
    }

    private static void require(boolean condition, String which, String key, String accepted, Object found) {
        if (!condition) {
            throw new IllegalArgumentException(which + " of '" + key + "' must be " + accepted + ", got " + found);
        }
    }

    private static Pattern compile(String key) {
        try {
            return Pattern.compile("(.*\\.)?(" + PythonRegex.inJava(key) + ")");
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "LoRA pattern must be a regular expression, got '" + key + "': " + e.getDescription(), e);
        }
    }

    /** r by key, in order. */
    public Map<String, Integer> ranks() {
        return ranks;
    }

    /** alpha by key, in order. */
    public Map<String, Double> alphas() {
        return alphas;
    }

    /** The rank of a map; {@code otherwise} where no key applies. */
    int rank(String path, int otherwise) {
        return first(ranks, path, otherwise);
    }

    /** The alpha of a map; {@code otherwise} where no key applies. */
    double alpha(String path, double otherwise) {
        return first(alphas, path, otherwise);
    }

    private <V> V first(Map<String, V> byKey, String path, V otherwise) {
        for (Map.Entry<String, V> each : byKey.entrySet()) {
            String key = each.getKey();
            if (key.equals(path) || compiled.get(key).matcher(path).matches()) {
                return each.getValue();
            }
        }
        return otherwise;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LoraPatterns that && ranks.equals(that.ranks) && alphas.equals(that.alphas);
    }

    @Override
    public int hashCode() {
        return Objects.hash(ranks, alphas);
    }

    @Override
    public String toString() {
        return "ranks " + ranks + ", alphas " + alphas;
    }
}
