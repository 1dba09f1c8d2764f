package io.calibrant.trainer.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/**
 * Makes arrays from Java values whose memory PyTorch owns. An array that DJL creates from Java values is a view of a
 * Java buffer: autograd keeps the view but not the buffer, which the garbage collector may free before the backward
 * pass. Hence one copy, here, and nowhere else on the way to a graph.
 */
public final class Constants {

    private Constants() {}

    /** An array of float32 or float64 from {@code values}, row-major. */
    public static NDArray array(NDManager manager, double[] values, Shape shape, DataType dataType) {
        try (NDArray view = manager.create(values).reshape(shape)) {
            // toType copies when the type changes; float64 to float64 does not, hence duplicate.
            return dataType == DataType.FLOAT64 ? view.duplicate() : view.toType(dataType, true);
        }
    }

    /** An array of float32 or float64 from {@code values}, row-major. */
    public static NDArray array(NDManager manager, float[] values, Shape shape, DataType dataType) {
        try (NDArray view = manager.create(values).reshape(shape)) {
            return dataType == DataType.FLOAT32 ? view.duplicate() : view.toType(dataType, true);
        }
    }

    /** One number [1] of float32 or float64, which broadcasts. */
    public static NDArray scalar(NDManager manager, double value, DataType dataType) {
        return array(manager, new double[] {value}, new Shape(1), dataType);
    }

    /** An int64 array. */
    public static NDArray array(NDManager manager, long... values) {
        try (NDArray view = manager.create(values)) {
            return view.duplicate();
        }
    }
}
