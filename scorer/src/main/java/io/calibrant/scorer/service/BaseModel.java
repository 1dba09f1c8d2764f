package io.calibrant.scorer.service;

import ai.djl.Device;
import io.calibrant.trainer.llama.Llama;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.SpecialTokens;
import java.nio.file.Path;

/**
 * The frozen model of a directory with its tokenizer.
 *
 * @param directory where it came from
 * @param llama the weights
 * @param tokenizer the model's own
 * @param special its end-of-sequence token, if any
 */
record BaseModel(Path directory, Llama llama, PromptTokenizer tokenizer, SpecialTokens special)
        implements AutoCloseable {

    /**
     * Loads a model directory.
     *
     * @throws RuntimeException with one line that names file and fault if something is missing or damaged
     */
    static BaseModel load(Path directory) {
        PromptTokenizer tokenizer = PromptTokenizer.load(directory);
        try {
            SpecialTokens special = SpecialTokens.read(directory);
            return new BaseModel(directory, Llama.load(directory, Device.cpu()), tokenizer, special);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    @Override
    public void close() {
        llama.close();
        tokenizer.close();
    }
}
