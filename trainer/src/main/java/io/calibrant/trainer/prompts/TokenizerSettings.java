package io.calibrant.trainer.prompts;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.files.InputFile;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What {@code tokenizer_config.json} says beyond {@code tokenizer.json}. transformers lets it decide which special
 * tokens stand around a text.
 *
 * @param file where it stands, or would
 * @param addBos whether texts begin with {@code bos}; empty: as tokenizer.json says
 * @param addEos whether texts end with {@code eos}; empty: as tokenizer.json says
 * @param bos the token that begins a text, if it is named
 * @param eos the token that ends a text, if it is named
 * @param prefixSpace whether a text begins with a space, if the tokenizer's class builds its own by this key
 * @param tokens all that it names, as tokenizer.json has its added ones but for their ids: transformers adds those that
 *     tokenizer.json lacks
 * @param declared the texts of those in added_tokens_decoder: how they are matched counts, whatever tokenizer.json says
 */
record TokenizerSettings(
        Path file,
        Optional<Boolean> addBos,
        Optional<Boolean> addEos,
        Optional<String> bos,
        Optional<String> eos,
        Optional<Boolean> prefixSpace,
        List<ObjectNode> tokens,
        Set<String> declared) {
    /** Keys of tokens that are special, whatever is said of them elsewhere. */
    private static final List<String> NAMED =
            List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");

    private static final List<String> LISTED = List.of("additional_special_tokens", "extra_special_tokens");
    static final String PREFIX_SPACE = "add_prefix_space";
    private static final String SPLIT = "split_special_tokens";
    private static final String CLASS = "tokenizer_class";

    /** Classes that transformers builds anew by that key, whatever tokenizer.json says of it. */
    private static final List<String> BUILT = List.of("GPT2Tokenizer", "LlamaTokenizer", "Qwen2Tokenizer");

    private static final String DECLARED = "added_tokens_decoder";
    private static final JsonMapper JSON = new JsonMapper();

    /**
     * Reads the file of a directory; where there is none, nothing is said.
     *
     * @throws IllegalArgumentException naming file, key, what is accepted and what was found
     */
    static TokenizerSettings read(Path directory) {
        Path file = directory.resolve("tokenizer_config.json");
        try {
            byte[] bytes = InputFile.read(file, InputFile.MOST_JSON_BYTES);
            JsonNode root = JSON.readTree(bytes);
            if (!root.isObject()) {
                throw new IllegalArgumentException("tokenizer file " + file + " must be a JSON object, got other text"
                        + InputFile.foreignKind(bytes)
                                .map(what -> "; it is " + what)
                                .orElse(""));
            }
            if (flag(file, root, SPLIT).orElse(false)) {
                throw Refusal.of(
                        "tokenizer file " + file + ": " + SPLIT,
                        "false (with true transformers reads the special tokens of a text as letters)",
                        true);
            }
            return new TokenizerSettings(
                    file,
                    flag(file, root, "add_bos_token"),
                    flag(file, root, "add_eos_token"),
                    token(file, root, "bos_token"),
                    token(file, root, "eos_token"),
                    builds(root) ? flag(file, root, PREFIX_SPACE) : Optional.empty(),
                    tokens(file, root),
                    declared(root));
        } catch (NoSuchFileException e) {
            return new TokenizerSettings(
                    file,
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    List.of(),
                    Set.of());
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "tokenizer file " + file + " must be a JSON object, got other text at line "
                            + e.getLocation().getLineNr() + ": "
                            + e.getOriginalMessage().replaceAll("\\s+", " "),
                    e);
        } catch (IOException e) {
            throw new IllegalArgumentException("tokenizer file " + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static Optional<Boolean> flag(Path file, JsonNode root, String key) {
        JsonNode node = root.path(key);
        if (node.isMissingNode() || node.isNull()) {
            return Optional.empty();
        }
        if (!node.isBoolean()) {
            throw Refusal.of("tokenizer file " + file + ": " + key, "true or false", node);
        }
        return Optional.of(node.booleanValue());
    }

    /** A token is a text, or an object whose content it is. */
    private static Optional<String> token(Path file, JsonNode root, String key) {
        JsonNode node = root.path(key);
        if (node.isMissingNode() || node.isNull()) {
            return Optional.empty();
        }
        JsonNode text = node.isObject() ? node.path("content") : node;
        if (!text.isTextual()) {
            throw Refusal.of("tokenizer file " + file + ": " + key, "a text, or an object with its content", node);
        }
        return Optional.of(text.textValue());
    }

    private static boolean builds(JsonNode root) {
        String name = root.path(CLASS).asText("");
        return BUILT.stream().anyMatch(each -> name.equals(each) || name.equals(each + "Fast"));
    }

    private static List<ObjectNode> tokens(Path file, JsonNode root) {
        Map<Integer, JsonNode> declared = new TreeMap<>();
        root.path(DECLARED).properties().forEach(each -> {
            try {
                declared.put(Integer.parseInt(each.getKey()), each.getValue());
            } catch (NumberFormatException e) {
                throw Refusal.of(
                        "tokenizer file " + file + ": " + DECLARED, "an object with ids for keys", each.getKey());
            }
        });
        Map<String, ObjectNode> tokens = new LinkedHashMap<>();
        declared.values()
                .forEach(token -> add(tokens, token, token.path("special").asBoolean()));
        NAMED.forEach(key -> add(tokens, root.path(key), true));
        LISTED.forEach(key -> root.path(key).forEach(token -> add(tokens, token, true)));
        return List.copyOf(tokens.values());
    }

    private static Set<String> declared(JsonNode root) {
        Set<String> texts = new HashSet<>();
        root.path(DECLARED).forEach(token -> texts.add(token.path("content").asText("")));
        return Set.copyOf(texts);
    }

    /** With the defaults of AddedToken in Python. */
    private static void add(Map<String, ObjectNode> tokens, JsonNode token, boolean special) {
        String content = (token.isObject() ? token.path("content") : token).asText("");
        if (content.isEmpty()) {
            return;
        }
        ObjectNode known = tokens.computeIfAbsent(content, text -> {
            ObjectNode made = JSON.createObjectNode().put("content", text);
            for (String flag : List.of("single_word", "lstrip", "rstrip")) {
                made.put(flag, token.path(flag).asBoolean());
            }
            return made.put("normalized", token.path("normalized").asBoolean(!special));
        });
        known.put("special", special || known.path("special").asBoolean());
    }
}
