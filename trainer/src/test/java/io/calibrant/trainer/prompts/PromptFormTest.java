package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PromptFormTest {
    private static final List<Choice> CHOICES = List.of(new Choice("A", "x & y"), new Choice("B", "<z>"));

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Answer: | got one that makes the same prompt of every question",
                "{{#choices}}{{{label}}} {{/choices}} | got one that makes the same prompt of every question",
                "{{#question}}Answer:{{/question}} | got one that makes the same prompt of every question",
                "{{{stem}}} | name 'stem' of the prompt template must be one of question, context, choices",
                "{{{question}}} {{{answer}}} | name 'answer' of the prompt template must be one of question, context",
                "{{{question.length}}} | name 'question.length' of the prompt template must be one of",
                "{{{question}}} {{{label}}} | 'label'",
                "{{{question}}} {{#context}}{{{text}}}{{/context}} | 'text'",
                "{{{question}}} {{{choices}}} | choices and trueFalse are sections",
                "{{{question}}} {{{.}}} | choices and trueFalse are sections",
                "{{{question}}} {{#context}} | 'context'",
                "{{{question}}} {{/context}} | 'context'",
                "{{#context}}{{{question}}}{{/choices}} | 'choices'",
                "{{{question}}} {{{context} | is not closed",
                "{{{question}} | must be a Mustache template",
                "{{{question}}} {{}} | must be a Mustache template",
                "{{{question}}} {{> other}} | without the partial 'other'",
            })
    void shouldRefuseATemplateThatIsNone(String template, String message) {
        assertThatThrownBy(() -> PromptForm.of(template))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message)
                .message()
                .doesNotContain("\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{{question}}} {{#choices}}{{{text}}} {{/choices}}",
                "{{question}} {{#choices}}{{text}} {{/choices}}",
                "{{&question}} {{#choices}}{{#text}}{{{.}}} {{/text}}{{/choices}}",
                "{{! what a question is}}{{=<% %>=}}<%question%> <%#choices%><%text%> <%/choices%>"
            })
    void shouldEscapeNothing(String template) {
        assertThat(text(template, null)).isEqualTo("a < \"b\" && 'c' = `d` {{{context}}} x & y <z> ");
    }

    @Test
    void shouldTreatWhiteSpaceAsTheSpecificationSays() {
        assertThat(text("{{{question}}}\n{{#choices}}\n{{{label}}}\n{{/choices}}\nAnswer:\n", null))
                .endsWith("\nA\nB\nAnswer:\n");
        assertThat(text("{{{question}}}\n{{#choices}}{{{label}}}\n{{/choices}}Answer:", null))
                .endsWith("\nA\nB\nAnswer:");
        assertThat(text("{{! a note }}\n{{#context}}\n  {{{context}}}\n{{/context}}\n{{{question}}}", "x"))
                .startsWith("  x\na <");
        assertThat(text("  {{#context}}\n{{{context}}}\n  {{/context}}\n{{{question}}}", "x"))
                .startsWith("x\na <");
        assertThat(text("{{^context}}\nnone\n{{/context}}\n{{{question}}}", "")).startsWith("none\na <");
        assertThat(text("{{{question}}}\r\n{{#choices}}\r\n{{{label}}}\r\n{{/choices}}\r\n", null))
                .endsWith("}\r\nA\r\nB\r\n");
    }

    @Test
    void shouldReadAFileToTheByte() throws IOException {
        Path file = Files.writeString(directory.resolve("prompt"), "{{{question}}}\n\nÜber:\n");
        PromptForm form = PromptForm.read(file.toString());
        assertThat(form.template()).isEqualTo("{{{question}}}\n\nÜber:\n");
        assertThat(form.isPaper()).isFalse();
        assertThat(PromptForm.read("paper")).isEqualTo(PromptForm.PAPER);
        assertThat(PromptForm.read(Files.writeString(directory.resolve("marked"), "\ufeff{{{question}}}")
                                .toString())
                        .template())
                .as("a byte order mark is no part of a prompt")
                .isEqualTo("{{{question}}}");
    }

    @Test
    void shouldNameTheFileThatItCannotRead() throws IOException {
        Path missing = directory.resolve("none");
        assertThatThrownBy(() -> PromptForm.read(missing.toString()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("prompt file " + missing + " does not exist: --prompt is paper or a file");
        Path constant = Files.writeString(directory.resolve("constant"), "Answer:\n");
        assertThatThrownBy(() -> PromptForm.read(constant.toString()))
                .hasMessageStartingWith("prompt file " + constant + ": prompt template must be one that renders");
        Path latin = Files.write(directory.resolve("latin"), "ü".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> PromptForm.read(latin.toString()))
                .hasMessage("prompt file " + latin + " must be UTF-8, got other bytes");
    }

    private static String text(String template, String context) {
        Question question = new Question("q", "a < \"b\" && 'c' = `d` {{{context}}}", context, CHOICES, null);
        return new PromptTemplate(template).render(question, "", "");
    }
}
