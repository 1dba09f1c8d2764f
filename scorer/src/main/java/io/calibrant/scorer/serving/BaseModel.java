package io.calibrant.scorer.serving;

import ai.djl.Device;
import io.calibrant.schemas.ConfigurationException;
import io.calibrant.schemas.Require;
import io.calibrant.schemas.avro.Run;
import io.calibrant.trainer.digest.ModelDigest;
import io.calibrant.trainer.lora.BaseWeights;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.lora.SavedModules;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ReplacedWeights;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.SpecialTokens;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The frozen model of a directory with its tokenizer.
 *
 * @param directory from which it was loaded
 * @param format in what numbers the weights are held
 * @param model the weights
 * @param tokenizer the model's own
 * @param special its end-of-sequence token, if any
 * @param replaced the weights in whose place those of an adapter are loaded
 */
public record BaseModel(
        Path directory,
        BaseFormat format,
        LanguageModel model,
        PromptTokenizer tokenizer,
        SpecialTokens special,
        ReplacedWeights replaced)
        implements AutoCloseable {

    /** Loads a model directory in float32, as {@link #load(Path, ComputeDevice, BaseFormat)}. */
    public static BaseModel load(Path directory, ComputeDevice where) {
        return load(directory, where, BaseFormat.F32);
    }

    /**
     * Loads a model directory.
     *
     * @throws RuntimeException with one line that names file and fault if something is missing or damaged, or the
     *     device if this machine does not have it
     */
    public static BaseModel load(Path directory, ComputeDevice where, BaseFormat format) {
        return load(directory, where, format, Optional.empty());
    }

    /**
     * Loads a model directory with the weights that an adapter replaces.
     *
     * @param adapter a PEFT directory; of what it holds, the LoRA weights are not used
     * @throws RuntimeException with one line that names file and fault if something is missing or damaged, or the
     *     device if this machine does not have it
     */
    public static BaseModel load(Path directory, ComputeDevice where, BaseFormat format, Optional<Path> adapter) {
        Device device = where.resolve();
        PromptTokenizer tokenizer = PromptTokenizer.loadWithEnd(directory);
        try {
            SpecialTokens special = SpecialTokens.read(directory);
            ReplacedWeights replaced =
                    adapter.map(from -> replaced(from, directory)).orElse(ReplacedWeights.NONE);
            LanguageModel model = LanguageModel.load(directory, device, format, replaced);
            return new BaseModel(directory, format, model, tokenizer, special, replaced);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    private static ReplacedWeights replaced(Path adapter, Path directory) {
        SavedModules saved = Peft.saved(adapter);
        BaseWeights.requireUnchanged(adapter, saved, directory);
        return saved.weights();
    }

    /**
     * Checks that the run was trained on this model.
     *
     * @throws ConfigurationException naming both digests if it was not; a run without a digest is not checked
     * @throws MisfitException naming the tokenizer's file if it ends every text, where labels have to follow
     */
    void requireModelOf(Run run) {
        requireFormatOf(run);
        if (!RunAdapter.isClassifier(run)) {
            requireOpenEnd();
        }
        if (run.getModelDigest().isEmpty()) {
            return;
        }
        String changes = SpecialTokens.changes(directory, tokenizer, namesEnd(run));
        String own = digest(changes);
        if (!own.equals(run.getModelDigest()) && !isModelWithoutEnd(run, changes)) {
            String asked = run.getSettings().get(ReplacedWeights.SETTING);
            String base = "the base model of run '" + run.getRunId() + "', " + run.getModelId() + " ("
                    + run.getModelDigest() + ")";
            String found = directory + " (" + own + ")";
            if (asked == null && replaced.isEmpty()) {
                throw new ConfigurationException("--model", found, base);
            }
            throw new ConfigurationException(
                    "--model",
                    found
                            + (replaced.isEmpty()
                                    ? " without --adapter"
                                    : " with --adapter " + replaced.file().getParent()),
                    base
                            + (asked == null
                                    ? " without --adapter"
                                    : " with --adapter its adapter, which brings " + asked + " along"));
        }
    }

    private void requireOpenEnd() {
        try {
            tokenizer.requireOpenEnd();
        } catch (IllegalArgumentException e) {
            throw new MisfitException(e);
        }
    }

    /**
     * Rounded to four bits a model is another one, and so it is where it is rounded from another type. Otherwise the
     * type is the scorer's choice.
     */
    private void requireFormatOf(Run run) {
        BaseFormat trained = BaseFormat.of(run.getSettings());
        String as = ", in which run '" + run.getRunId() + "' was trained";
        Require.that(
                trained.quantization() == format.quantization(),
                "--base-quantization",
                format.quantization(),
                trained.quantization() + as);
        Require.that(
                format.quantization() == BaseQuantization.NONE || trained.type() == format.type(),
                "--base-dtype",
                format.type(),
                trained.type() + as);
    }

    /** Whether the end of sequence is a part of a digest: it is none where no prompt of the run names it. */
    private static boolean namesEnd(Run run) {
        return Boolean.parseBoolean(run.getSettings().getOrDefault(PromptForm.NAMES_END, "true"));
    }

    /**
     * Records from before the trainer said so: where labels and template do not name it, the digest may leave it out.
     *
     * @param with what tokenizer_config.json changes, with the end of sequence
     */
    private boolean isModelWithoutEnd(Run run, String with) {
        if (run.getSettings().containsKey(PromptForm.NAMES_END)) {
            return false;
        }
        String without = SpecialTokens.changes(directory, tokenizer, false);
        PromptForm form = RunPrompt.of(run);
        boolean named = form.isPaper()
                ? run.getClassTokens().stream()
                        .anyMatch(token -> token.getLabel().equals("True"))
                : form.namesEnd();
        return !named && !with.equals(without) && digest(without).equals(run.getModelDigest());
    }

    private String digest(String changes) {
        return ModelDigest.of(directory, changes + replaced.changes());
    }

    @Override
    public void close() {
        model.close();
        tokenizer.close();
    }
}
