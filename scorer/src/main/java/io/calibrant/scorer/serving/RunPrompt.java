package io.calibrant.scorer.serving;

import io.calibrant.schemas.avro.Run;
import io.calibrant.trainer.prompts.LabelTokens;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.SpecialTokensRule;
import java.util.Optional;

/** How a run asks its questions, from its record. */
final class RunPrompt {
    /** Every template has a tag; what runs said for the record before there were templates has none. */
    private static final String TAG = "{{";

    private RunPrompt() {}

    /** @throws IllegalArgumentException if what the record holds is no template */
    static PromptForm of(Run run) {
        if (!run.getPromptTemplate().contains(TAG)) {
            return PromptForm.PAPER;
        }
        return new PromptForm(
                run.getPromptTemplate(),
                Optional.ofNullable(run.getLabelSeparator()),
                SpecialTokensRule.valueOf(run.getSpecialTokens().name()),
                LabelTokens.valueOf(run.getLabelTokens().name()));
    }
}
