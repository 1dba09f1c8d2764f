package io.calibrant.trainer.quantization;

import java.util.Arrays;

/** The values that numbers of at most 1 in magnitude are rounded to, ascending. Their places are the codes. */
final class Code {
    /** NF4: quantiles of a normal distribution, with one value for 0. */
    static final Code NF4 = new Code(
            -1.0f,
            -0.6961928f,
            -0.52507305f,
            -0.3949175f,
            -0.28444138f,
            -0.18477343f,
            -0.091050036f,
            0.0f,
            0.0795803f,
            0.1609302f,
            0.2461123f,
            0.33791524f,
            0.44070983f,
            0.562617f,
            0.72295684f,
            1.0f);

    /** The 8-bit code of scales. */
    static final Code DYNAMIC = new Code(dynamic());

    private final float[] values;
    private final float[] thresholds;

    /** @param values ascending */
    Code(float... values) {
        this.values = values.clone();
        thresholds = new float[values.length - 1];
        for (int i = 0; i < thresholds.length; i++) {
            thresholds[i] = (values[i] + values[i + 1]) / 2;
        }
    }

    /** Seven decades; the i-th has 2^i means of neighbours between .1 and 1, of both signs; and 0 and 1. */
    private static float[] dynamic() {
        float[] decades = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1f};
        float[] values = new float[256];
        int at = 0;
        values[at++] = 0;
        values[at++] = 1;
        for (int decade = 0; decade < decades.length; decade++) {
            int intervals = 1 << decade;
            for (int i = 0; i < intervals; i++) {
                float mean = (bound(i, intervals) + bound(i + 1, intervals)) / 2;
                values[at++] = decades[decade] * mean;
                values[at++] = -(decades[decade] * mean);
            }
        }
        Arrays.sort(values);
        return values;
    }

    /** PyTorch's linspace from .1 to 1 in float32, which is computed from the nearer end. */
    private static float bound(int i, int intervals) {
        double step = 0.9f / intervals;
        return (float) (i < (intervals + 1) / 2 ? (double) 0.1f + step * i : 1 - step * (intervals - i));
    }

    int size() {
        return values.length;
    }

    float value(int code) {
        return values[code];
    }

    /** The code of the nearest value; of two that are as near, the lower one's. */
    int nearest(float number) {
        int low = 0;
        int high = thresholds.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (thresholds[middle] < number) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}
