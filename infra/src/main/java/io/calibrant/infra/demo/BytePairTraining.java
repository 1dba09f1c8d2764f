package io.calibrant.infra.demo;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Learns a byte-level byte-pair encoding (Sennrich et al. 2016; the pre-tokenizer and the byte alphabet of GPT-2) and
 * writes it in the form of Hugging Face's tokenizer.json. Small on purpose: it recounts all pairs at every merge, which
 * is plenty for a vocabulary of 512. The result depends on the texts alone; equally frequent pairs are merged in the
 * order of their characters.
 */
final class BytePairTraining {
    /** Special tokens with the ids 0, 1, 2. */
    static final List<String> SPECIAL = List.of("<s>", "</s>", "<pad>");

    private static final Pattern WORDS =
            Pattern.compile("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");

    /** Two adjacent tokens that may be merged. */
    private record Pair(String left, String right) implements Comparable<Pair> {
        private static final Comparator<Pair> ORDER =
                Comparator.comparing(Pair::left).thenComparing(Pair::right);

        @Override
        public int compareTo(Pair other) {
            return ORDER.compare(this, other);
        }
    }

    private BytePairTraining() {}

    /**
     * Learns a tokenizer.
     *
     * @param texts what to learn from
     * @param whole words that must become one token each (with their leading space); learnt before all others
     * @param vocabularySize tokens at most, specials and the 256 bytes included
     * @return the JSON document of tokenizer.json as maps and lists
     */
    static Map<String, Object> learn(List<String> texts, List<String> whole, int vocabularySize) {
        Map<String, Integer> vocabulary = new LinkedHashMap<>();
        SPECIAL.forEach(token -> vocabulary.put(token, vocabulary.size()));
        for (int value : byteOrder()) {
            vocabulary.put(character(value), vocabulary.size());
        }
        Map<List<String>, Integer> counts = new TreeMap<>(Comparator.comparing(word -> String.join("\0", word)));
        for (String text : texts) {
            Matcher matcher = WORDS.matcher(text);
            while (matcher.find()) {
                counts.merge(characters(matcher.group()), 1, Integer::sum);
            }
        }
        List<List<String>> merges = new ArrayList<>();
        Map<List<String>, Integer> first = new LinkedHashMap<>();
        whole.forEach(word -> first.put(characters(word), 1));
        counts = merge(first, counts, vocabulary, merges, vocabularySize);
        merge(counts, Map.of(), vocabulary, merges, vocabularySize);
        return document(vocabulary, merges);
    }

    /**
     * Merges until {@code words} are one token each or the vocabulary is full; applies the merges to {@code others}.
     */
    private static Map<List<String>, Integer> merge(
            Map<List<String>, Integer> words,
            Map<List<String>, Integer> others,
            Map<String, Integer> vocabulary,
            List<List<String>> merges,
            int vocabularySize) {
        Map<List<String>, Integer> current = words;
        Map<List<String>, Integer> following = others;
        while (vocabulary.size() < vocabularySize) {
            Map<Pair, Integer> pairs = new TreeMap<>();
            current.forEach((word, count) -> {
                for (int i = 0; i + 1 < word.size(); i++) {
                    pairs.merge(new Pair(word.get(i), word.get(i + 1)), count, Integer::sum);
                }
            });
            if (pairs.isEmpty()) {
                break;
            }
            Pair best = null;
            for (Map.Entry<Pair, Integer> pair : pairs.entrySet()) {
                if (best == null || pair.getValue() > pairs.get(best)) {
                    best = pair.getKey();
                }
            }
            merges.add(List.of(best.left(), best.right()));
            vocabulary.putIfAbsent(best.left() + best.right(), vocabulary.size());
            current = apply(best, current);
            following = apply(best, following);
        }
        return following;
    }

    private static Map<List<String>, Integer> apply(Pair pair, Map<List<String>, Integer> words) {
        Map<List<String>, Integer> merged = new LinkedHashMap<>();
        words.forEach((word, count) -> {
            List<String> next = new ArrayList<>(word.size());
            for (int i = 0; i < word.size(); i++) {
                boolean here = i + 1 < word.size()
                        && word.get(i).equals(pair.left())
                        && word.get(i + 1).equals(pair.right());
                next.add(here ? pair.left() + pair.right() : word.get(i));
                i += here ? 1 : 0;
            }
            merged.merge(next, count, Integer::sum);
        });
        return merged;
    }

    private static List<String> characters(String text) {
        List<String> characters = new ArrayList<>();
        for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
            characters.add(character(value & 0xff));
        }
        return characters;
    }

    private static boolean printable(int value) {
        return (value >= '!' && value <= '~') || (value >= 0xa1 && value <= 0xac) || (value >= 0xae && value <= 0xff);
    }

    /** GPT-2's order: the printable bytes, then the others. */
    private static List<Integer> byteOrder() {
        List<Integer> order = new ArrayList<>();
        for (int value = 0; value < 256; value++) {
            if (printable(value)) {
                order.add(value);
            }
        }
        for (int value = 0; value < 256; value++) {
            if (!printable(value)) {
                order.add(value);
            }
        }
        return order;
    }

    /** GPT-2's stand-in for a byte: itself where it can be printed, else the next character from U+0100 on. */
    private static String character(int value) {
        if (printable(value)) {
            return String.valueOf((char) value);
        }
        int shift = 0;
        for (int before = 0; before < value; before++) {
            shift += printable(before) ? 0 : 1;
        }
        return String.valueOf((char) (256 + shift));
    }

    private static Map<String, Object> document(Map<String, Integer> vocabulary, List<List<String>> merges) {
        List<Object> added = new ArrayList<>();
        for (String token : SPECIAL) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("id", vocabulary.get(token));
            entry.put("content", token);
            for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
                entry.put(flag, false);
            }
            entry.put("special", true);
            added.add(entry);
        }
        String begin = SPECIAL.get(0);
        Object beginning = Map.of("SpecialToken", part(begin));
        Map<String, Object> template = new LinkedHashMap<>();
        template.put("type", "TemplateProcessing");
        template.put("single", List.of(beginning, Map.of("Sequence", part("A"))));
        template.put(
                "pair", List.of(beginning, Map.of("Sequence", part("A")), beginning, Map.of("Sequence", part("B"))));
        Map<String, Object> special = new LinkedHashMap<>();
        special.put("id", begin);
        special.put("ids", List.of(vocabulary.get(begin)));
        special.put("tokens", List.of(begin));
        template.put("special_tokens", Map.of(begin, special));

        Map<String, Object> model = new LinkedHashMap<>();
        model.put("type", "BPE");
        for (String none : List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
            model.put(none, null);
        }
        for (String flag : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
            model.put(flag, false);
        }
        model.put("vocab", vocabulary);
        model.put("merges", merges);

        Map<String, Object> json = new LinkedHashMap<>();
        json.put("version", "1.0");
        json.put("truncation", null);
        json.put("padding", null);
        json.put("added_tokens", added);
        json.put("normalizer", null);
        json.put("pre_tokenizer", byteLevel());
        json.put("post_processor", template);
        json.put("decoder", byteLevel());
        json.put("model", model);
        return json;
    }

    private static Map<String, Object> part(String id) {
        Map<String, Object> part = new LinkedHashMap<>();
        part.put("id", id);
        part.put("type_id", 0);
        return part;
    }

    private static Map<String, Object> byteLevel() {
        Map<String, Object> step = new LinkedHashMap<>();
        step.put("type", "ByteLevel");
        step.put("add_prefix_space", false);
        step.put("trim_offsets", true);
        step.put("use_regex", true);
        return step;
    }
}
