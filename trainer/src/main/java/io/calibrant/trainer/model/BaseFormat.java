package io.calibrant.trainer.model;

import java.util.Map;
import java.util.TreeMap;

/**
 * In what numbers a frozen model is held. Its matrices have the type; norms and biases are rounded to it and held in
 * float32. LoRA weights, rotary tables, logits and all sums of curvature are in float32 whatever is said here.
 *
 * @param type of the weights; numbers of a wider type are rounded to the nearest
 * @param quantization of the linear maps of the layers, before that; a checkpoint that is quantised stays as it is
 */
public record BaseFormat(BaseType type, BaseQuantization quantization) {
    /** Float32, as the files say. */
    public static final BaseFormat F32 = new BaseFormat(BaseType.F32, BaseQuantization.NONE);

    private static final String TYPE = "baseDtype";
    private static final String QUANTIZATION = "baseQuantization";

    /** The same quantisation in another type. */
    public BaseFormat withType(BaseType other) {
        return new BaseFormat(other, quantization);
    }

    /** What a run's record says of it: nothing of {@link #F32}, as in records from before there was a choice. */
    public Map<String, String> settings() {
        Map<String, String> settings = new TreeMap<>();
        if (type != BaseType.F32) {
            settings.put(TYPE, type.name());
        }
        if (quantization != BaseQuantization.NONE) {
            settings.put(QUANTIZATION, quantization.toString());
        }
        return settings;
    }

    /**
     * The format of a run.
     *
     * @param settings of its record
     * @throws IllegalArgumentException if they name a format that there is not
     */
    public static BaseFormat of(Map<String, String> settings) {
        return new BaseFormat(
                BaseType.valueOf(settings.getOrDefault(TYPE, BaseType.F32.name())),
                BaseQuantization.parse(settings.getOrDefault(QUANTIZATION, BaseQuantization.NONE.toString())));
    }
}
