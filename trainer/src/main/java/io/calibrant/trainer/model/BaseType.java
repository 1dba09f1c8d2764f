package io.calibrant.trainer.model;

import io.calibrant.trainer.safetensors.ElementType;

/** What numbers of a frozen model are held as, by the names of safetensors. */
public enum BaseType {
    /** Four bytes. */
    F32(ElementType.F32),
    /** Two bytes, the upper half of a single. */
    BF16(ElementType.BF16),
    /** Two bytes, IEEE 754 half. */
    F16(ElementType.F16);

    private final ElementType elementType;

    BaseType(ElementType elementType) {
        this.elementType = elementType;
    }

    ElementType elementType() {
        return elementType;
    }
}
