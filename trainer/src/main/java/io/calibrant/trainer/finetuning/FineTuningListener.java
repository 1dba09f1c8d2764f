package io.calibrant.trainer.finetuning;

import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.prompts.EncodedPrompt;
import java.util.List;

/** Hears of every step. */
@FunctionalInterface
public interface FineTuningListener {
    /**
     * Asked before a step: whether its pass shall capture inputs and output gradients.
     *
     * @param step from 1
     */
    default boolean captures(int step) {
        return false;
    }

    /**
     * The pass of a step that captures, after its backward pass from the mean loss and before the optimizer changes the
     * weights. Must not change anything; arrays that it makes should be freed when it returns.
     *
     * @param step from 1
     * @param pass in mode TRAINING_PROBED; closed when the step is over
     * @param prompts the questions of the step
     */
    default void captured(int step, Pass pass, List<EncodedPrompt> prompts) {
        // nobody needs to look
    }

    /**
     * After a step.
     *
     * @param step steps done, from 1
     * @param loss mean -log p(label) of the step's batch before the update, nats
     * @param learningRate of the step
     * @param examples questions seen so far, repetitions counted
     * @return whether to go on
     */
    boolean stepped(int step, double loss, double learningRate, long examples);
}
