package io.calibrant.infra.commands.options;

import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import picocli.CommandLine.Option;

/** In what numbers the base model is held. */
public final class BaseFormatOptions {
    @Option(
            names = "--base-dtype",
            defaultValue = "F32",
            description = "Type of the base model's weights in memory: ${COMPLETION-CANDIDATES}. All else is computed"
                    + " in F32. Default: ${DEFAULT-VALUE}.")
    private BaseType type;

    @Option(
            names = "--base-quantization",
            paramLabel = "Q",
            defaultValue = "none",
            description = "nf4: round the base model's linear maps as bitsandbytes does with double quantisation, for"
                    + " adapters that QLoRA trained; nf4-single: without it; none. Default: ${DEFAULT-VALUE}.")
    private String quantization;

    /**
     * What the flags say.
     *
     * @throws IllegalArgumentException naming flag, value and what is accepted
     */
    public BaseFormat format() {
        return new BaseFormat(type, BaseQuantization.parse(quantization));
    }
}
