package io.calibrant.trainer.prompts;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * The two special tokens that prompts need.
 *
 * @param pad fills batches; 0 where the model names none (its value changes nothing, padding is masked)
 * @param eos ends True/False prompts; empty where the model names none
 */
public record SpecialTokens(int pad, OptionalInt eos) {
    /**
     * Reads {@code pad_token_id} and {@code eos_token_id} (of a list the first) from config.json.
     *
     * @throws IllegalArgumentException naming the file if it is missing or no JSON
     */
    public static SpecialTokens read(Path modelDirectory) {
        Path file = modelDirectory.resolve("config.json");
        try {
            JsonNode config = new JsonMapper().readTree(Files.readAllBytes(file));
            int pad = first(config.path("pad_token_id")).orElse(0);
            // some models write -1 for none, or an id that was added beyond the embedding table
            boolean usable = pad >= 0 && pad < config.path("vocab_size").asInt(Integer.MAX_VALUE);
            return new SpecialTokens(usable ? pad : 0, first(config.path("eos_token_id")));
        } catch (IOException e) {
            throw new IllegalArgumentException("model file " + file + " cannot be read: " + e, e);
        }
    }

    private static OptionalInt first(JsonNode id) {
        JsonNode one = id.isArray() ? id.path(0) : id;
        return one.isIntegralNumber() ? OptionalInt.of(one.intValue()) : OptionalInt.empty();
    }
}
