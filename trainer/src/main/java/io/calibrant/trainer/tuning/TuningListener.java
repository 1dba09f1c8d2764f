package io.calibrant.trainer.tuning;

/** Hears of every step. */
@FunctionalInterface
public interface TuningListener {
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
