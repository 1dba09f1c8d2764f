package io.calibrant.trainer.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.safetensors.ModelFileException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A JSON object in a file of a model or adapter directory. Every refusal names the file, the key and what is wrong.
 *
 * @param path where it was read
 * @param root the object
 */
public record ConfigFile(Path path, JsonNode root) {
    private static final JsonMapper JSON = new JsonMapper();

    /**
     * Reads a file.
     *
     * @throws ModelFileException if it is missing, cannot be read or holds no JSON object
     */
    public static ConfigFile read(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new ModelFileException(path + ": no such file");
        }
        try {
            JsonNode root = JSON.readTree(Files.readString(path));
            if (root == null || !root.isObject()) {
                throw new ModelFileException(path + ": not a JSON object");
            }
            return new ConfigFile(path, root);
        } catch (JsonProcessingException e) {
            throw new ModelFileException(path + ": not JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new ModelFileException(path + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** Whether a key of the object has a value other than null. */
    public boolean has(String key) {
        return root.hasNonNull(key);
    }

    /** Whether a key of the object is true; a missing one is not. */
    public boolean isTrue(String key) {
        return root.path(key).asBoolean(false);
    }

    /**
     * An integer that must be there.
     *
     * @throws ModelFileException naming what is found if it is not
     */
    public int integer(String key) {
        if (!root.path(key).isIntegralNumber()) {
            throw refused(key, "an integer", root.path(key));
        }
        return root.path(key).asInt();
    }

    /**
     * The exception for a value that is not accepted.
     *
     * @param accepted what is accepted, in words that follow "must be"
     * @param found what was found: a number, a JSON node, or text that is shown as it is
     */
    public ModelFileException refused(String key, String accepted, Object found) {
        boolean nothing = found instanceof JsonNode node && node.isMissingNode();
        return new ModelFileException(
                path + ": " + key + " must be " + accepted + ", got " + (nothing ? "nothing" : found));
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
