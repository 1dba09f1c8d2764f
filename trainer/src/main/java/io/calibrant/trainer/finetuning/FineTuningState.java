package io.calibrant.trainer.finetuning;

import io.calibrant.trainer.lora.Adapter;
import java.util.List;

/**
 * Where fine-tuning is after a step: with the settings and the questions, all that the steps to come depend on. Which
 * questions and which dropout a step has follow from seed and step alone, so they need no state.
 *
 * @param step steps done
 * @param adapter the weights
 * @param first AdamW's first moments, of the adapter's parameters in their order; empty where no step follows
 * @param second AdamW's second moments, alike
 */
public record FineTuningState(int step, Adapter adapter, List<float[]> first, List<float[]> second) {
    /** Weights that no step follows. */
    public static FineTuningState last(int step, Adapter adapter) {
        return new FineTuningState(step, adapter, List.of(), List.of());
    }
}
