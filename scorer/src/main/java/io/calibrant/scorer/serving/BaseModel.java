package io.calibrant.scorer.serving;

import ai.djl.Device;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.avro.Run;
import io.calibrant.trainer.digest.ModelDigest;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.SpecialTokens;
import java.nio.file.Path;

/**
 * The frozen model of a directory with its tokenizer.
 *
 * @param directory from which it was loaded
 * @param model the weights
 * @param tokenizer the model's own
 * @param special its end-of-sequence token, if any
 */
public record BaseModel(Path directory, LanguageModel model, PromptTokenizer tokenizer, SpecialTokens special)
        implements AutoCloseable {

    /**
     * Loads a model directory.
     *
     * @throws RuntimeException with one line that names file and fault if something is missing or damaged, or the
     *     device if this machine does not have it
     */
    public static BaseModel load(Path directory, ComputeDevice where) {
        Device device = where.resolve();
        PromptTokenizer tokenizer = PromptTokenizer.load(directory);
        try {
            SpecialTokens special = SpecialTokens.read(directory);
            return new BaseModel(directory, LanguageModel.load(directory, device), tokenizer, special);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    /**
     * Checks that the run was trained on this model.
     *
     * @throws ConfigurationException naming both digests if it was not; a run without a digest is not checked
     */
    void requireModelOf(Run run) {
        if (run.getModelDigest().isEmpty()) {
            return;
        }
        String own = ModelDigest.of(directory, SpecialTokens.changes(directory, tokenizer, true));
        if (!own.equals(run.getModelDigest()) && !isModelWithoutEnd(run)) {
            throw new ConfigurationException(
                    "--model",
                    directory + " (" + own + ")",
                    "the base model of run '" + run.getRunId() + "', " + run.getModelId() + " (" + run.getModelDigest()
                            + ")");
        }
    }

    /** Where no question of a run is a True/False one, its digest may leave out the end of sequence. */
    private boolean isModelWithoutEnd(Run run) {
        String with = SpecialTokens.changes(directory, tokenizer, true);
        String without = SpecialTokens.changes(directory, tokenizer, false);
        return run.getClassTokens().stream().noneMatch(token -> token.getLabel().equals("True"))
                && !with.equals(without)
                && ModelDigest.of(directory, without).equals(run.getModelDigest());
    }

    @Override
    public void close() {
        model.close();
        tokenizer.close();
    }
}
