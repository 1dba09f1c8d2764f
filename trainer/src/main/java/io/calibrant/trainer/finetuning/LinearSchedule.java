package io.calibrant.trainer.finetuning;

/**
 * The learning rate falls on a line from its first value to zero after the last step, without warm-up.
 *
 * @param first the rate of step 0
 * @param steps how many steps there will be
 */
record LinearSchedule(double first, int steps) {
    /** The rate of step s, 0 to steps - 1: first * (1 - s / steps). */
    double rate(int step) {
        return first * (1 - (double) step / steps);
    }
}
