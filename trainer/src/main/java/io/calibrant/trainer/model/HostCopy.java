package io.calibrant.trainer.model;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.function.Function;

/**
 * Brings numbers of arrays that live long to the host. Read directly, an array on a GPU is copied to the host twice,
 * and DJL keeps the first copy for as long as the array's own manager is open: for weights, until the end.
 */
public final class HostCopy {
    private HostCopy() {}

    /** What {@code reader} makes of the array; nothing else is left of it. */
    public static <T> T of(NDArray array, Function<NDArray, T> reader) {
        try (NDManager host = array.getManager().newSubManager(Device.cpu())) {
            NDArray view = array.reshape(array.getShape());
            view.attach(host);
            return reader.apply(view);
        }
    }
}
