package io.calibrant.trainer.finetuning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.HostCopy;
import java.util.ArrayList;
import java.util.List;

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2) exactly as PyTorch has it: moments corrected for their bias, epsilon
 * added outside the root and after the correction, weight decay decoupled and scaled by the learning rate. DJL's own
 * does not correct epsilon.
 *
 * <p>The moments live in a manager of their own, outside any scope of a step, until {@link #close}.
 */
final class AdamW implements AutoCloseable {
    private static final double BETA_1 = 0.9;
    private static final double BETA_2 = 0.999;
    private static final float EPSILON = 1e-8f;

    private final double weightDecay;
    private final NDManager manager;
    private final List<NDArray> first = new ArrayList<>();
    private final List<NDArray> second = new ArrayList<>();
    private int steps;

    /**
     * Moments at zero.
     *
     * @param parameters float32; only their shapes are used
     * @param weightDecay lambda; 0.01 is PyTorch's and Hugging Face's
     */
    AdamW(List<NDArray> parameters, NDManager parent, double weightDecay) {
        this.weightDecay = weightDecay;
        manager = parent.newSubManager();
        for (NDArray parameter : parameters) {
            first.add(manager.zeros(parameter.getShape()));
            second.add(manager.zeros(parameter.getShape()));
        }
        first.forEach(NDScope::unregister);
        second.forEach(NDScope::unregister);
    }

    /**
     * Resumes where another one was.
     *
     * @param parameters float32; only their shapes are used
     * @param from the other one's state, for parameters of the same shapes in the same order
     */
    AdamW(List<NDArray> parameters, NDManager parent, double weightDecay, FineTuningState from) {
        this.weightDecay = weightDecay;
        steps = from.step();
        manager = parent.newSubManager();
        for (int i = 0; i < parameters.size(); i++) {
            Shape shape = parameters.get(i).getShape();
            first.add(Constants.array(manager, from.first().get(i), shape, DataType.FLOAT32));
            second.add(Constants.array(manager, from.second().get(i), shape, DataType.FLOAT32));
        }
        first.forEach(NDScope::unregister);
        second.forEach(NDScope::unregister);
    }

    /** The first moments on the host, in the order of the parameters. */
    List<float[]> first() {
        return host(first);
    }

    /** The second moments on the host, in the order of the parameters. */
    List<float[]> second() {
        return host(second);
    }

    private static List<float[]> host(List<NDArray> moments) {
        return moments.stream()
                .map(moment -> HostCopy.of(moment, NDArray::toFloatArray))
                .toList();
    }

    /**
     * One step. Must run without gradient recording.
     *
     * @param parameters changed in place, in the order of the constructor
     * @param gradients of the mean loss, one a parameter; not modified
     */
    void step(List<NDArray> parameters, List<NDArray> gradients, double learningRate) {
        steps++;
        double correction1 = 1 - Math.pow(BETA_1, steps);
        double correction2 = 1 - Math.pow(BETA_2, steps);
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray keep = constant(1 - learningRate * weightDecay);
            NDArray beta1 = constant(BETA_1);
            NDArray beta2 = constant(BETA_2);
            NDArray take1 = constant(1 - BETA_1);
            NDArray take2 = constant(1 - BETA_2);
            NDArray root2 = constant(Math.sqrt(correction2));
            NDArray epsilon = constant(EPSILON); // a bare number would be copied to the device once a parameter
            NDArray rate = constant(learningRate / correction1);
            for (int i = 0; i < parameters.size(); i++) {
                NDArray gradient = gradients.get(i);
                NDArray parameter = parameters.get(i);
                parameter.muli(keep);
                first.get(i).muli(beta1).addi(gradient.mul(take1));
                second.get(i).muli(beta2).addi(gradient.mul(gradient).muli(take2));
                NDArray scale = second.get(i).sqrt().divi(root2).addi(epsilon);
                parameter.subi(first.get(i).div(scale).muli(rate));
            }
        }
    }

    private NDArray constant(double value) {
        return manager.create((float) value);
    }

    @Override
    public void close() {
        manager.close();
    }
}
