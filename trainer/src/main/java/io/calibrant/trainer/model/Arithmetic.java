package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;

/**
 * Operations that overwrite their left operand where no graph records it, and make a new array where one does. The left
 * operand must be fresh: made by the caller, seen by nobody else. (An array cannot be asked: DJL's {@code hasGradient}
 * answers false for everything but leaves.)
 *
 * @param recorded whether a graph may record the operands
 */
record Arithmetic(boolean recorded) {

    NDArray add(NDArray fresh, NDArray other) {
        return recorded ? fresh.add(other) : fresh.addi(other);
    }

    NDArray mul(NDArray fresh, NDArray other) {
        return recorded ? fresh.mul(other) : fresh.muli(other);
    }
}
