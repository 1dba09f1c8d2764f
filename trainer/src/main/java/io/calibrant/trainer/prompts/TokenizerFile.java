package io.calibrant.trainer.prompts;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calibrant.trainer.files.InputFile;
import io.calibrant.trainer.files.MissingFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A {@code tokenizer.json}, parsed and checked for what the native library does not survive: it ends the process, and
 * throws nothing, where a part of the file is no JSON, a table of characters is damaged, or a template names a token
 * that it does not define.
 */
final class TokenizerFile {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private static final String ADDED = "added_tokens";
    private static final String CONTENT = "content";

    /** The library indexes the table of a Precompiled normalizer by bytes, unchecked. */
    private static final int FEWEST_UNITS = 256;

    private final Path path;
    private final byte[] bytes;
    private final JsonNode root;

    private TokenizerFile(Path path, byte[] bytes, JsonNode root) {
        this.path = path;
        this.bytes = bytes;
        this.root = root;
    }

    /**
     * Reads and checks a file.
     *
     * @throws IllegalArgumentException naming the file, and line and column or the part that is wrong
     */
    static TokenizerFile read(Path path) {
        byte[] bytes;
        try {
            bytes = InputFile.read(path, InputFile.MOST_JSON_BYTES);
        } catch (NoSuchFileException e) {
            throw new IllegalArgumentException(
                    "tokenizer file " + path + " does not exist: a model directory holds tokenizer.json"
                            + MissingFile.explain(path),
                    e);
        } catch (IOException e) {
            throw new IllegalArgumentException("tokenizer file " + path + " cannot be read: " + e.getMessage(), e);
        }
        String kind =
                InputFile.foreignKind(bytes).map(what -> "; it is " + what).orElse("");
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            TokenizerFile file = new TokenizerFile(path, bytes, JSON.readTree(text));
            if (!file.root.isObject()) {
                throw file.refused("a JSON object is expected" + kind, null);
            }
            file.check(file.root.path("normalizer"));
            file.check(file.root.path("pre_tokenizer"));
            file.check(file.root.path("post_processor"));
            return file;
        } catch (CharacterCodingException e) {
            throw refused(path, "it is not UTF-8" + kind, e);
        } catch (JsonProcessingException e) {
            JsonLocation at = e.getLocation();
            throw refused(
                    path,
                    "no JSON at line " + at.getLineNr() + ", column " + at.getColumnNr() + ": "
                            + e.getOriginalMessage().replaceAll("\\s+", " ") + kind,
                    e);
        }
    }

    /**
     * The same with what tokenizer_config.json says of tokens: those that are no added ones already, and how declared
     * ones are matched, as transformers takes it from there.
     *
     * @param settings of the same directory
     */
    TokenizerFile with(TokenizerSettings settings) {
        Map<String, ObjectNode> named = new LinkedHashMap<>();
        settings.tokens().forEach(token -> named.put(token.path(CONTENT).asText(), token));
        ArrayNode all = JSON.createArrayNode();
        JsonNode present = root.path(ADDED);
        int next = root.path("model").path("vocab").size();
        for (JsonNode token : present) {
            String content = token.path(CONTENT).asText();
            ObjectNode own = named.remove(content);
            boolean declared = own != null && settings.declared().contains(content);
            all.add(declared ? ((ObjectNode) token.deepCopy()).setAll(own) : token);
            next = Math.max(next, token.path("id").asInt() + 1);
        }
        for (ObjectNode token : named.values()) {
            OptionalInt own = idOf(token.path(CONTENT).asText());
            all.add(token.deepCopy().put("id", own.isPresent() ? own.getAsInt() : next++));
        }
        if (all.equals(present) || all.isEmpty()) {
            return this;
        }
        ObjectNode whole = JSON.createObjectNode().setAll((ObjectNode) root);
        whole.set(ADDED, all);
        try {
            return new TokenizerFile(path, JSON.writeValueAsBytes(whole), whole);
        } catch (JsonProcessingException e) {
            throw refused(path, String.valueOf(e.getOriginalMessage()), e);
        }
    }

    Path path() {
        return path;
    }

    byte[] bytes() {
        return bytes;
    }

    /** The id of a token by its text: of an added one, else of the vocabulary. */
    OptionalInt idOf(String token) {
        for (JsonNode added : root.path(ADDED)) {
            if (added.path(CONTENT).asText().equals(token)) {
                return OptionalInt.of(added.path("id").asInt());
            }
        }
        JsonNode vocabulary = root.path("model").path("vocab");
        JsonNode id = vocabulary.path(token);
        if (id.isInt()) {
            return OptionalInt.of(id.intValue());
        }
        int place = 0; // of a Unigram model: pairs of a token and its score
        for (JsonNode pair : vocabulary.isArray() ? vocabulary : JSON.createArrayNode()) {
            if (pair.path(0).asText().equals(token)) {
                return OptionalInt.of(place);
            }
            place++;
        }
        return OptionalInt.empty();
    }

    /** Whether a text gets a space before it; empty where no step of the pre_tokenizer says so or not. */
    Optional<Boolean> prefixSpace() {
        return prefixSpace(root.path("pre_tokenizer"));
    }

    private static Optional<Boolean> prefixSpace(JsonNode step) {
        JsonNode scheme = step.path("prepend_scheme");
        if (step.path("type").asText().equals("Metaspace") && scheme.isTextual()) {
            return Optional.of(!scheme.textValue().equals("never"));
        }
        JsonNode flag = step.path(TokenizerSettings.PREFIX_SPACE);
        if (flag.isBoolean()) {
            return Optional.of(flag.booleanValue());
        }
        for (JsonNode part : step.path("pretokenizers")) {
            Optional<Boolean> within = prefixSpace(part);
            if (within.isPresent()) {
                return within;
            }
        }
        return Optional.empty();
    }

    /** The ids of all special tokens, as begin and end of sequence. */
    Set<Long> specialIds() {
        Set<Long> ids = new HashSet<>();
        for (JsonNode added : root.path(ADDED)) {
            if (added.path("special").asBoolean()) {
                ids.add(added.path("id").asLong());
            }
        }
        return Set.copyOf(ids);
    }

    /** One step of the pipeline, and those within it. */
    private void check(JsonNode step) {
        switch (step.path("type").asText()) {
            case "Precompiled" -> checkTable(step.path("precompiled_charsmap"));
            case "TemplateProcessing" -> checkTemplate(step);
            case "FixedLength" -> {
                if (step.path("length").isInt() && step.path("length").intValue() < 1) {
                    throw refused("length of FixedLength must be 1 or more, got " + step.path("length"), null);
                }
            }
            default -> {
                for (JsonNode part : step) {
                    if (part.isArray()) {
                        part.forEach(this::check);
                    }
                }
            }
        }
    }

    private void checkTemplate(JsonNode template) {
        for (String form : new String[] {"single", "pair"}) {
            for (JsonNode piece : template.path(form)) {
                JsonNode token = piece.path("SpecialToken").path("id");
                if (token.isTextual() && !template.path("special_tokens").has(token.textValue())) {
                    throw refused(
                            "post_processor: special token '" + token.textValue()
                                    + "' must be one of special_tokens, got nothing of that name",
                            null);
                }
                if (form.equals("single")
                        && piece.path("Sequence").path("id").asText("A").equals("B")) {
                    throw refused("post_processor: template 'single' must be of sequence A, got B", null);
                }
            }
        }
    }

    private void checkTable(JsonNode table) {
        ByteBuffer decoded;
        try {
            decoded = ByteBuffer.wrap(Base64.getDecoder().decode(table.asText("")))
                    .order(ByteOrder.LITTLE_ENDIAN);
        } catch (IllegalArgumentException e) {
            throw refused("precompiled_charsmap must be base64, got " + e.getMessage(), e);
        }
        long trie = decoded.remaining() < Integer.BYTES ? -1 : Integer.toUnsignedLong(decoded.getInt());
        if (trie < (long) FEWEST_UNITS * Integer.BYTES || trie > decoded.remaining() || trie % Integer.BYTES != 0) {
            throw refused(
                    "precompiled_charsmap must be a table of characters as SentencePiece writes it, got "
                            + decoded.limit() + " bytes that are none",
                    null);
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(decoded.position(Math.toIntExact(Integer.BYTES + trie)));
        } catch (CharacterCodingException e) {
            throw refused("precompiled_charsmap must be a table of UTF-8 characters, got other bytes", e);
        }
    }

    /** The exception for something in this file. */
    IllegalArgumentException refused(String what, Exception cause) {
        return refused(path, what, cause);
    }

    private static IllegalArgumentException refused(Path path, String what, Exception cause) {
        return new IllegalArgumentException("tokenizer file " + path + " is not a tokenizer.json: " + what, cause);
    }
}
