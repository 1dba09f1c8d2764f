package io.calibrant.trainer.prompts;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.files.InputFile;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What {@code tokenizer_config.json} says beyond {@code tokenizer.json}. transformers lets it decide which special
 * tokens stand around a text.
 *
 * @param file where it stands, or would
 * @param addBos whether texts begin with {@code bos}; empty: as tokenizer.json says
 * @param addEos whether texts end with {@code eos}; empty: as tokenizer.json says
 * @param bos the token that begins a text, if it is named
 * @param eos the token that ends a text, if it is named
 */
record TokenizerSettings(
        Path file, Optional<Boolean> addBos, Optional<Boolean> addEos, Optional<String> bos, Optional<String> eos) {
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
            return new TokenizerSettings(
                    file,
                    flag(file, root, "add_bos_token"),
                    flag(file, root, "add_eos_token"),
                    token(file, root, "bos_token"),
                    token(file, root, "eos_token"));
        } catch (NoSuchFileException e) {
            return new TokenizerSettings(file, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
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
}
