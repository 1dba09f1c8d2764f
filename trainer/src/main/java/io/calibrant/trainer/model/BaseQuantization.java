package io.calibrant.trainer.model;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Whether the linear maps of the layers are used in numbers of four bits, as QLoRA trains on them. */
public enum BaseQuantization {
    /** As the files say. */
    NONE("none"),
    /** NF4 with double quantisation. */
    NF4("nf4"),
    /** NF4 whose scales are not rounded, bitsandbytes' default. */
    NF4_SINGLE("nf4-single");

    private final String label;

    BaseQuantization(String label) {
        this.label = label;
    }

    /**
     * Reads the flag's value.
     *
     * @throws IllegalArgumentException naming flag, value and what is accepted
     */
    public static BaseQuantization parse(String value) {
        return Arrays.stream(values())
                .filter(q -> q.label.equalsIgnoreCase(value))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("--base-quantization must be one of "
                        + Arrays.stream(values()).map(q -> q.label).collect(Collectors.joining(", ")) + ", got '"
                        + value + "'"));
    }

    /** As the flag says it. */
    @Override
    public String toString() {
        return label;
    }
}
