package io.calibrant.scorer.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.avro.Run;
import io.calibrant.trainer.prompts.LabelTokens;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.SpecialTokensRule;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RunPromptTest {
    @Test
    void shouldAskARunFromBeforeTemplatesInThePapersForm() {
        assertThat(RunPrompt.of(run("").build())).isEqualTo(PromptForm.PAPER);
        assertThat(RunPrompt.of(run("Answer the question with only True or False: {question}[ Context: {context}]{eos}")
                        .build()))
                .isEqualTo(PromptForm.PAPER);
    }

    @Test
    void shouldAskInTheFormOfTheRecord() {
        assertThat(RunPrompt.of(run(PromptForm.PAPER.template()).build())).isEqualTo(PromptForm.PAPER);
        PromptForm form = RunPrompt.of(run("{{{question}}}\n")
                .setLabelSeparator("")
                .setSpecialTokens(io.calibrant.schemas.avro.SpecialTokensRule.NEVER)
                .setLabelTokens(io.calibrant.schemas.avro.LabelTokens.FIRST)
                .build());
        assertThat(form)
                .isEqualTo(new PromptForm(
                        "{{{question}}}\n", Optional.of(""), SpecialTokensRule.NEVER, LabelTokens.FIRST));
    }

    @Test
    void shouldRefuseARunWhoseTemplateIsNone() {
        assertThatThrownBy(() -> RunPrompt.of(run("{{{stem}}}").build()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("name 'stem' of the prompt template");
    }

    private static Run.Builder run(String template) {
        return Run.newBuilder().setRunId("r").setPromptTemplate(template);
    }
}
