package io.calibrant.trainer.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.files.InputFile;
import io.calibrant.trainer.files.MissingFile;
import io.calibrant.trainer.safetensors.ModelFileException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A JSON object in a file of a model or adapter directory. Every refusal names the file, the key and what is wrong.
 * Values have the type that they are asked for, or are refused: a number that is written as text is no number.
 *
 * @param path where it was read
 * @param root the object
 */
public record ConfigFile(Path path, JsonNode root) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private static final int LONGEST_SHOWN = 200;

    /**
     * Reads a file.
     *
     * @throws ModelFileException if it is missing, cannot be read or holds no JSON object
     */
    public static ConfigFile read(Path path) {
        byte[] bytes;
        try {
            bytes = InputFile.read(path, InputFile.MOST_JSON_BYTES);
        } catch (NoSuchFileException e) {
            throw new ModelFileException(path + ": no such file" + MissingFile.explain(path), e);
        } catch (IOException e) {
            throw new ModelFileException(path + ": cannot be read: " + e.getMessage(), e);
        }
        try {
            JsonNode root = JSON.readTree(bytes);
            if (root == null || !root.isObject()) {
                throw new ModelFileException(path + ": not a JSON object" + kind(bytes));
            }
            return new ConfigFile(path, root);
        } catch (JsonProcessingException e) {
            throw new ModelFileException(path + ": not JSON: " + e.getOriginalMessage() + kind(bytes), e);
        } catch (IOException e) {
            throw new ModelFileException(path + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static String kind(byte[] bytes) {
        return InputFile.foreignKind(bytes).map(what -> "; it is " + what).orElse("");
    }

    /** Whether a key of the object has a value other than null. */
    public boolean has(String key) {
        return root.hasNonNull(key);
    }

    /**
     * Whether a key of the object is true; a missing one, or null, is not.
     *
     * @throws ModelFileException naming what is found if it is neither true nor false
     */
    public boolean isTrue(String key) {
        if (has(key) && !root.path(key).isBoolean()) {
            throw refused(key, "true or false", root.path(key));
        }
        return root.path(key).asBoolean(false);
    }

    /**
     * An integer that must be there.
     *
     * @throws ModelFileException naming what is found if it is not, or has more than 32 bits
     */
    public int integer(String key) {
        JsonNode node = root.path(key);
        if (!node.isIntegralNumber() || !node.canConvertToInt()) {
            throw refused(key, node.isIntegralNumber() ? "an integer of 32 bits" : "an integer", node);
        }
        return node.asInt();
    }

    /**
     * A finite number that must be there.
     *
     * @throws ModelFileException naming what is found if it is not
     */
    public double number(String key) {
        return number(key, root.path(key));
    }

    /** A finite number, or another one where the key is missing; null is refused. */
    public double number(String key, double otherwise) {
        return root.has(key) ? number(key) : otherwise;
    }

    /**
     * A finite number at some place within the object.
     *
     * @param key how messages name the place
     * @throws ModelFileException naming what is found if it is not
     */
    public double number(String key, JsonNode node) {
        if (!node.isNumber() || !Double.isFinite(node.asDouble())) {
            throw refused(key, "a number", node);
        }
        return node.asDouble();
    }

    /**
     * A text; empty where the key is missing or null.
     *
     * @throws ModelFileException naming what is found if it is something else
     */
    public Optional<String> text(String key) {
        if (has(key) && !root.path(key).isTextual()) {
            throw refused(key, "a text", root.path(key));
        }
        return Optional.ofNullable(root.path(key).textValue());
    }

    /**
     * The exception for a value that is not accepted.
     *
     * @param accepted what is accepted, in words that follow "must be"
     * @param found what was found: a number, a JSON node, or text that is shown as it is
     */
    public ModelFileException refused(String key, String accepted, Object found) {
        boolean nothing = found instanceof JsonNode node && node.isMissingNode();
        String shown = nothing ? "nothing" : String.valueOf(found);
        return new ModelFileException(path + ": " + key + " must be " + accepted + ", got "
                + (shown.length() <= LONGEST_SHOWN ? shown : shown.substring(0, LONGEST_SHOWN) + "..."));
    }

    /** The exception for values that do not go together. */
    public ModelFileException refused(IllegalArgumentException reason) {
        return new ModelFileException(path + ": " + reason.getMessage(), reason);
    }

    /** Text as messages show it. */
    public static String quoted(String text) {
        return "'" + text + "'";
    }
}
