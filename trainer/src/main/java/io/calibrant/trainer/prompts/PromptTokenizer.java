package io.calibrant.trainer.prompts;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/**
 * The model's own tokenizer, read from tokenizer.json. Nothing is truncated or padded (DJL would cut at 512 tokens
 * silently and pad at the wrong end). Holds native memory; may be used by several threads.
 */
public final class PromptTokenizer implements AutoCloseable {
    private final HuggingFaceTokenizer tokenizer;

    private PromptTokenizer(HuggingFaceTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * Loads {@code tokenizer.json} of a model directory.
     *
     * @throws IllegalArgumentException naming the file if it is missing or is no tokenizer
     */
    public static PromptTokenizer load(Path modelDirectory) {
        Path file = modelDirectory.resolve("tokenizer.json");
        Map<String, String> options = Map.of("addSpecialTokens", "true", "padding", "false", "truncation", "false");
        try (InputStream json = Files.newInputStream(file)) {
            return new PromptTokenizer(HuggingFaceTokenizer.newInstance(json, options));
        } catch (NoSuchFileException e) {
            throw new IllegalArgumentException(
                    "tokenizer file " + file + " does not exist: a model directory holds tokenizer.json", e);
        } catch (IOException e) {
            throw new IllegalArgumentException("tokenizer file " + file + " cannot be read: " + e, e);
        } catch (RuntimeException e) {
            // DJL hands on what the native library says as a bare RuntimeException
            throw new IllegalArgumentException(
                    "tokenizer file " + file + " is not a tokenizer.json: "
                            + String.valueOf(e.getMessage()).replaceAll("\\s+", " "),
                    e);
        }
    }

    /**
     * Token ids of a text, with the special tokens that the tokenizer's post-processor adds (for example BOS).
     *
     * @return [T]
     */
    public long[] encode(String text) {
        return tokenizer.encode(text, true, false).getIds();
    }

    /** Token ids of a text without any special token: [T]. */
    public long[] encodePlain(String text) {
        return tokenizer.encode(text, false, false).getIds();
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
