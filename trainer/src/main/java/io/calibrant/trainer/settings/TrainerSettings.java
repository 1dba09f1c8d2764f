package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.Shard;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ComputeDevice;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What one {@code train} does. Cannot exist invalid; messages name the flag, the value and what is accepted.
 *
 * @param run names the run
 * @param model Hugging Face directory of the frozen model
 * @param questions labelled training questions
 * @param adapter PEFT directory to start from; empty: a new adapter
 * @param steps optimizer steps; 0: only the curvature pass
 * @param batchSize questions a step, and a batch of the curvature pass
 * @param learningRate of the first step; 0 changes nothing
 * @param loraRank R of a new adapter
 * @param loraAlpha of a new adapter
 * @param loraDropout of a new adapter
 * @param loraTargets maps that a new adapter adapts
 * @param maxLength longest prompt, tokens
 * @param seed decides the new adapter, the order of the questions, dropout, the held-out questions and sampled labels
 * @param kfac which rows enter the sums
 * @param fisher which gradients
 * @param rank k: at most 2k rows a block and batch are sent; empty: all
 * @param validation which questions are sent as validation questions
 * @param output where the adapter is written as a PEFT directory; empty: nowhere
 * @param device where the model is computed
 * @param shard this process's part of the curvature pass
 * @param streaming what is sent while the weights move, and how statistics are packed
 * @param checkpointEvery at every so many steps a checkpoint is published and its curvature measured; 0: at the end
 *     only
 * @param createTopics whether topics that are missing are created
 * @param state where the trainer keeps its own state, and goes on from it; empty: nowhere, it starts over
 */
public record TrainerSettings(
        String run,
        Path model,
        Path questions,
        Optional<Path> adapter,
        int steps,
        int batchSize,
        double learningRate,
        int loraRank,
        double loraAlpha,
        double loraDropout,
        LoraTargets loraTargets,
        int maxLength,
        long seed,
        KfacApproximation kfac,
        FisherType fisher,
        Optional<Integer> rank,
        ValidationSource validation,
        Optional<Path> output,
        ComputeDevice device,
        Shard shard,
        StreamingSettings streaming,
        int checkpointEvery,
        boolean createTopics,
        Optional<StateSettings> state) {
    /** Decoupled weight decay of AdamW, PyTorch's default. */
    public static final double WEIGHT_DECAY = 0.01;

    /** @throws IllegalArgumentException naming flag, value and what is accepted */
    public TrainerSettings {
        Require.name("--run", run);
        require(steps >= 0, "--steps", steps, "0 or more");
        require(batchSize >= 1, "--batch-size", batchSize, "1 or more");
        require(learningRate >= 0 && learningRate < 1, "--learning-rate", learningRate, "0 or more, below 1");
        require(loraRank >= 1, "--lora-rank", loraRank, "1 or more");
        require(loraAlpha > 0 && loraAlpha < Double.POSITIVE_INFINITY, "--lora-alpha", loraAlpha, "above 0");
        require(loraDropout >= 0 && loraDropout < 1, "--lora-dropout", loraDropout, "0 or more, below 1");
        require(maxLength >= 1, "--max-length", maxLength, "1 or more");
        require(checkpointEvery >= 0, "--checkpoint-every", checkpointEvery, "0 or more");
        require(rank.orElse(1) >= 1, "--rank", rank.orElse(1), "1 or more, or full");
    }

    /** The same, but the state is kept. */
    public TrainerSettings keeping(StateSettings keeping) {
        return new TrainerSettings(
                run,
                model,
                questions,
                adapter,
                steps,
                batchSize,
                learningRate,
                loraRank,
                loraAlpha,
                loraDropout,
                loraTargets,
                maxLength,
                seed,
                kfac,
                fisher,
                rank,
                validation,
                output,
                device,
                shard,
                streaming,
                checkpointEvery,
                createTopics,
                Optional.of(keeping));
    }

    static void require(boolean condition, String flag, Object value, String accepted) {
        if (!condition) {
            throw new IllegalArgumentException(flag + ": found " + value + ", accepted is " + accepted);
        }
    }

    /** The name of the final checkpoint. */
    public String checkpoint() {
        return checkpoint(steps);
    }

    /** Whether the curvature is measured at the weights after so many steps. */
    public boolean measures(int step) {
        return step == steps || (checkpointEvery > 0 && step > 0 && step % checkpointEvery == 0);
    }

    /** The name of the checkpoint after so many steps. */
    public static String checkpoint(int step) {
        return "step-" + step;
    }
}
