package io.calibrant.trainer.state;

import io.calibrant.trainer.finetuning.FineTuningState;

/**
 * Where a trainer is with its run: everything up to here is on the topics, committed.
 *
 * @param tuning the last step that is done
 * @param pass of the checkpoint of that step, where it has one
 * @param complete whether nothing is left to do
 */
public record TrainerState(FineTuningState tuning, PassProgress pass, boolean complete) {
    /** As it is said to people. */
    public String describe(int steps) {
        String batch = "batch " + pass.batches() + " of its curvature pass";
        if (steps == 0) {
            return batch;
        }
        return "step " + tuning.step() + " of " + steps + (pass.batches() > 0 ? ", " + batch : "");
    }
}
