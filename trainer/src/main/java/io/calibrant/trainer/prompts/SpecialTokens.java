package io.calibrant.trainer.prompts;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.files.InputFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The two special tokens that prompts need.
 *
 * @param pad fills batches; 0 where the model names none (its value changes nothing, padding is masked)
 * @param eos ends True/False prompts; empty where the model names none
 */
public record SpecialTokens(int pad, OptionalInt eos) {
    /**
     * Reads {@code pad_token_id} and {@code eos_token_id} from config.json. Where that has several, or none, the
     * tokenizer's own ({@code eos_token} of tokenizer_config.json) is the one; without a tokenizer's, the first.
     *
     * @throws IllegalArgumentException naming the file if it is missing or no JSON
     */
    public static SpecialTokens read(Path modelDirectory) {
        JsonNode config = config(modelDirectory);
        int pad = first(config.path("pad_token_id")).orElse(0);
        // some models write -1 for none, or an id that was added beyond the embedding table
        boolean usable = pad >= 0 && pad < config.path("vocab_size").asInt(Integer.MAX_VALUE);
        return new SpecialTokens(usable ? pad : 0, eos(modelDirectory, config.path("eos_token_id")));
    }

    /**
     * What tokenizer_config.json changes of the tokens that tokenizer.json and config.json name, in words for a digest
     * of the model; empty for nothing.
     *
     * @param tokenizer of the same directory
     * @param withEnd whether the end of sequence changes a prompt: it ends those of True/False questions, and no others
     */
    public static String changes(Path modelDirectory, PromptTokenizer tokenizer, boolean withEnd) {
        if (!withEnd) {
            return tokenizer.changes();
        }
        JsonNode ids = config(modelDirectory).path("eos_token_id");
        OptionalInt eos = eos(modelDirectory, ids);
        return tokenizer.changes() + (eos.equals(first(ids)) ? "" : " end of sequence " + eos);
    }

    private static OptionalInt eos(Path modelDirectory, JsonNode ids) {
        if (ids.isIntegralNumber() || (ids.isArray() && ids.size() == 1)) {
            return first(ids);
        }
        Optional<String> token = TokenizerSettings.read(modelDirectory).eos();
        if (token.isEmpty()) {
            return first(ids);
        }
        OptionalInt own =
                TokenizerFile.read(modelDirectory.resolve("tokenizer.json")).idOf(token.get());
        return own.isPresent() ? own : first(ids);
    }

    private static JsonNode config(Path modelDirectory) {
        Path file = modelDirectory.resolve("config.json");
        try {
            return new JsonMapper().readTree(InputFile.read(file, InputFile.MOST_JSON_BYTES));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "model file " + file + " is not JSON: "
                            + e.getOriginalMessage().replaceAll("\\s+", " "),
                    e);
        } catch (IOException e) {
            throw new IllegalArgumentException("model file " + file + " cannot be read: " + e, e);
        }
    }

    private static OptionalInt first(JsonNode id) {
        JsonNode one = id.isArray() ? id.path(0) : id;
        return one.isIntegralNumber() ? OptionalInt.of(one.intValue()) : OptionalInt.empty();
    }
}
