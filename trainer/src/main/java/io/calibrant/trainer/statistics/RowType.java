package io.calibrant.trainer.statistics;

import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Tensor;

/** How rows of statistics go over the wire; everything else is in double precision. */
public enum RowType {
    /** Four bytes a number, as they were computed. */
    F32,
    /** Two bytes a number, rounded to the nearest of eight significant bits. */
    BF16;

    Tensor tensor(float[] values, int... shape) {
        return this == BF16 ? Tensors.bfloat16(values, shape) : Tensors.of(values, shape);
    }
}
