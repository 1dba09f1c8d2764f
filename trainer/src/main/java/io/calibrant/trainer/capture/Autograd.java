package io.calibrant.trainer.capture;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.engine.PtEngine;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.function.Supplier;

/**
 * The engine's differentiation, without DJL's GradientCollector, which cannot keep a graph for a second backward pass
 * and of which only one may be open in a JVM. The one class that touches {@code JniUtils}.
 */
public final class Autograd {

    private Autograd() {}

    /** Runs {@code work} with recording on in the calling thread, whatever it was before, and restores that. */
    public static <T> T recorded(Supplier<T> work) {
        return withRecording(true, work);
    }

    /** Runs {@code work} with recording off in the calling thread, whatever it was before, and restores that. */
    public static <T> T unrecorded(Supplier<T> work) {
        return withRecording(false, work);
    }

    /** PyTorch's switch is per thread, and on in a new one. */
    private static <T> T withRecording(boolean on, Supplier<T> work) {
        boolean before = JniUtils.isGradMode();
        JniUtils.setGradMode(on);
        try {
            return work.get();
        } finally {
            JniUtils.setGradMode(before);
        }
    }

    /**
     * How many threads the calling thread's matrix products use from here on: where several threads score at once, each
     * of them with all cores would only wait for the others.
     */
    public static void mathThreads(int threads) {
        // A thread that has not asked yet would take over the number of whoever has set one last, at its first product.
        mathThreads();
        JniUtils.setNumThreads(threads);
    }

    /** How many threads the calling thread's matrix products use. */
    public static int mathThreads() {
        Engine.getEngine(PtEngine.ENGINE_NAME); // loads the library, if nothing has yet
        return JniUtils.getNumThreads();
    }

    /**
     * Back-propagates; gradients of leaves accumulate.
     *
     * @param output what is differentiated
     * @param cotangent of the same shape
     * @param keepGraph whether another backward pass through the same graph follows
     */
    public static void backward(NDArray output, NDArray cotangent, boolean keepGraph) {
        JniUtils.backward((PtNDArray) output, (PtNDArray) cotangent, keepGraph, false);
    }

    /** Whether a backward pass has left a gradient in this leaf since it was made. */
    public static boolean hasGradient(NDArray leaf) {
        PtNDArray gradient = JniUtils.getGradient((PtNDArray) leaf);
        if (gradient == null) {
            return false;
        }
        gradient.close();
        return true;
    }

    /** Sets the gradient of a leaf to zero, if it has one. */
    public static void zeroGradient(NDArray leaf) {
        if (hasGradient(leaf)) {
            JniUtils.zeroGrad((PtNDArray) leaf);
        }
    }
}
