package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The adapter that is trained: one that is there, or a new one.
 *
 * @param from PEFT directory to start from; empty: a new adapter, as the LoRA settings below say
 * @param rank r of a new adapter
 * @param alpha of a new adapter; the scaling is alpha / r
 * @param dropout of a new adapter
 * @param targets linear maps that a new adapter adapts
 * @param output where the adapter is written as a PEFT directory; empty: nowhere
 * @param overwrite whether another run's adapter may be replaced there
 * @param headBlock whether the head of a sequence classifier is a block, with a posterior of its own
 */
public record AdapterSettings(
        Optional<Path> from,
        int rank,
        double alpha,
        double dropout,
        LoraTargets targets,
        Optional<Path> output,
        boolean overwrite,
        boolean headBlock) {
    /** A new adapter of rank 8 on q_proj, v_proj and lm_head, written nowhere. */
    public static final AdapterSettings DEFAULT = new AdapterSettings(
            Optional.empty(), 8, 16, 0.1, LoraTargets.of("q_proj", "v_proj", "lm_head"), Optional.empty(), false);

    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public AdapterSettings {
        Require.atLeast("--lora-rank", rank, 1);
        Require.above("--lora-alpha", alpha, 0);
        Require.that(dropout >= 0 && dropout < 1, "--lora-dropout", dropout, "0 or more and below 1");
    }

    /** Without a head as a block. */
    public AdapterSettings(
            Optional<Path> from,
            int rank,
            double alpha,
            double dropout,
            LoraTargets targets,
            Optional<Path> output,
            boolean overwrite) {
        this(from, rank, alpha, dropout, targets, output, overwrite, false);
    }

    /** How a new adapter is built. */
    public LoraSettings lora() {
        return new LoraSettings(rank, alpha, dropout, false, targets);
    }

    /** The same, but started from a PEFT directory. */
    public AdapterSettings withFrom(Path directory) {
        return new AdapterSettings(Optional.of(directory), rank, alpha, dropout, targets, output, overwrite, headBlock);
    }

    /** The same with another rank and alpha. */
    public AdapterSettings withRank(int newRank, double newAlpha) {
        return new AdapterSettings(from, newRank, newAlpha, dropout, targets, output, overwrite, headBlock);
    }

    /** The same with another dropout. */
    public AdapterSettings withDropout(double newDropout) {
        return new AdapterSettings(from, rank, alpha, newDropout, targets, output, overwrite, headBlock);
    }

    /** The same on other linear maps. */
    public AdapterSettings withTargets(LoraTargets newTargets) {
        return new AdapterSettings(from, rank, alpha, dropout, newTargets, output, overwrite, headBlock);
    }

    /** The same, but written to a directory. */
    public AdapterSettings withOutput(Path directory) {
        return new AdapterSettings(from, rank, alpha, dropout, targets, Optional.of(directory), overwrite, headBlock);
    }

    /** The same, and another run's adapter may be replaced. */
    public AdapterSettings overwriting() {
        return new AdapterSettings(from, rank, alpha, dropout, targets, output, true, headBlock);
    }

    /** The same, and the head of a sequence classifier is a block. */
    public AdapterSettings withHeadBlock() {
        return new AdapterSettings(from, rank, alpha, dropout, targets, output, overwrite, true);
    }
}
