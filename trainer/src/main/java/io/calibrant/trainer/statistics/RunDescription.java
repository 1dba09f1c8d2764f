package io.calibrant.trainer.statistics;

import io.calibrant.schemas.TrainingTexts;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.PromptForm;
import java.util.Map;

/**
 * What is trained, on what, and how its curvature is measured. Every shard of a run describes it the same.
 *
 * @param runId names the run
 * @param modelId name of the model directory
 * @param modelDigest digest of configuration, tokenizer and weights, and of what the adapter replaces of these
 * @param adapter its blocks and settings; weights do not matter here
 * @param classTokens every label of the run, in the row order of lm_head.lora_B
 * @param prompt how its questions are asked
 * @param maxLength longest prompt, tokens
 * @param rank k; null keeps the large sides in full
 * @param trainingQuestions N
 * @param settings the fine-tuning settings, for the record
 * @param trainingTexts what it is trained on, by text
 * @param generation how many runs of this name were deleted before it
 * @param layers of how many layers the inputs of attention are streamed, for familiarity; 0 for none
 * @param width of these inputs
 */
public record RunDescription(
        String runId,
        String modelId,
        String modelDigest,
        Adapter adapter,
        ClassTokens classTokens,
        PromptForm prompt,
        int maxLength,
        KfacApproximation kfac,
        FisherType fisher,
        Integer rank,
        int trainingQuestions,
        long seed,
        Map<String, String> settings,
        TrainingTexts trainingTexts,
        int generation,
        int layers,
        int width) {
    /** A run of which no inputs are streamed. */
    public RunDescription(
            String runId,
            String modelId,
            String modelDigest,
            Adapter adapter,
            ClassTokens classTokens,
            PromptForm prompt,
            int maxLength,
            KfacApproximation kfac,
            FisherType fisher,
            Integer rank,
            int trainingQuestions,
            long seed,
            Map<String, String> settings,
            TrainingTexts trainingTexts,
            int generation) {
        this(
                runId,
                modelId,
                modelDigest,
                adapter,
                classTokens,
                prompt,
                maxLength,
                kfac,
                fisher,
                rank,
                trainingQuestions,
                seed,
                settings,
                trainingTexts,
                generation,
                0,
                0);
    }

    /** The same run with the inputs of all its layers. */
    public RunDescription withInputs(int ofLayers, int wide) {
        return new RunDescription(
                runId,
                modelId,
                modelDigest,
                adapter,
                classTokens,
                prompt,
                maxLength,
                kfac,
                fisher,
                rank,
                trainingQuestions,
                seed,
                settings,
                trainingTexts,
                generation,
                ofLayers,
                wide);
    }

    /** The same run, where so many of its name were deleted before it. */
    public RunDescription withGeneration(int deleted) {
        return new RunDescription(
                runId,
                modelId,
                modelDigest,
                adapter,
                classTokens,
                prompt,
                maxLength,
                kfac,
                fisher,
                rank,
                trainingQuestions,
                seed,
                settings,
                trainingTexts,
                deleted,
                layers,
                width);
    }
}
