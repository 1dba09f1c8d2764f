package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.trainer.model.BaseFormat;
import java.nio.file.Path;

/**
 * What one {@code train} does. Cannot exist invalid; messages name the flag, its value and what is accepted.
 *
 * @param run names the run
 * @param model Hugging Face directory of the frozen model
 * @param base in what numbers that is held
 * @param seed decides the new adapter, the order of the questions, dropout, the held-out questions and sampled labels
 */
public record TrainerSettings(
        String run,
        Path model,
        BaseFormat base,
        QuestionSettings questions,
        AdapterSettings adapter,
        OptimisationSettings optimisation,
        CurvatureSettings curvature,
        StreamingSettings streaming,
        ExecutionSettings execution,
        long seed) {
    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public TrainerSettings {
        Require.name("--run", run);
    }

    /**
     * The defaults of everything that has one.
     *
     * @param questions labelled training questions
     */
    public static TrainerSettings of(String run, Path model, Path questions) {
        return new TrainerSettings(
                run,
                model,
                BaseFormat.F32,
                QuestionSettings.of(questions),
                AdapterSettings.DEFAULT,
                OptimisationSettings.DEFAULT,
                CurvatureSettings.DEFAULT,
                StreamingSettings.DEFAULT,
                ExecutionSettings.DEFAULT,
                0);
    }

    /** The same of another model. */
    public TrainerSettings withModel(Path newModel) {
        return new TrainerSettings(
                run, newModel, base, questions, adapter, optimisation, curvature, streaming, execution, seed);
    }

    /** The same with the model held in other numbers. */
    public TrainerSettings withBase(BaseFormat newBase) {
        return new TrainerSettings(
                run, model, newBase, questions, adapter, optimisation, curvature, streaming, execution, seed);
    }

    /** The same with other questions. */
    public TrainerSettings withQuestions(QuestionSettings newQuestions) {
        return new TrainerSettings(
                run, model, base, newQuestions, adapter, optimisation, curvature, streaming, execution, seed);
    }

    /** The same with another adapter. */
    public TrainerSettings withAdapter(AdapterSettings newAdapter) {
        return new TrainerSettings(
                run, model, base, questions, newAdapter, optimisation, curvature, streaming, execution, seed);
    }

    /** The same with other steps. */
    public TrainerSettings withOptimisation(OptimisationSettings newOptimisation) {
        return new TrainerSettings(
                run, model, base, questions, adapter, newOptimisation, curvature, streaming, execution, seed);
    }

    /** The same with other curvature passes. */
    public TrainerSettings withCurvature(CurvatureSettings newCurvature) {
        return new TrainerSettings(
                run, model, base, questions, adapter, optimisation, newCurvature, streaming, execution, seed);
    }

    /** The same with other streaming. */
    public TrainerSettings withStreaming(StreamingSettings newStreaming) {
        return new TrainerSettings(
                run, model, base, questions, adapter, optimisation, curvature, newStreaming, execution, seed);
    }

    /** The same in a process that runs otherwise. */
    public TrainerSettings withExecution(ExecutionSettings newExecution) {
        return new TrainerSettings(
                run, model, base, questions, adapter, optimisation, curvature, streaming, newExecution, seed);
    }

    /** The same with another seed. */
    public TrainerSettings withSeed(long newSeed) {
        return new TrainerSettings(
                run, model, base, questions, adapter, optimisation, curvature, streaming, execution, newSeed);
    }

    /** The name of the final checkpoint. */
    public String checkpoint() {
        return checkpoint(optimisation.steps());
    }

    /** Whether the curvature is measured at the weights after so many steps. */
    public boolean measures(int step) {
        int every = curvature.checkpointEvery();
        return step == optimisation.steps() || (every > 0 && step > 0 && step % every == 0);
    }

    /** The name of the checkpoint after so many steps. */
    public static String checkpoint(int step) {
        return "step-" + step;
    }
}
