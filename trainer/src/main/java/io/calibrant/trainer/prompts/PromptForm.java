package io.calibrant.trainer.prompts;

import io.calibrant.trainer.files.InputFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Objects;
import java.util.Optional;

/**
 * How a run asks its questions. An adapter must be asked in the form that it was trained with.
 *
 * @param template Mustache template of a prompt, with {@code question}, {@code context}, {@code choices} (each with
 *     {@code label} and {@code text}), {@code trueFalse}, {@code bos_token} and {@code eos_token}; nothing is escaped
 * @param labelSeparator what stands between a prompt and its label; empty: as the end of the prompt says, nothing after
 *     a new line or a special token and a space after other text. The paper's form has its space
 * @param specialTokens whether the tokenizer adds its own
 * @param labelTokens how a label is made a class
 */
public record PromptForm(
        String template, Optional<String> labelSeparator, SpecialTokensRule specialTokens, LabelTokens labelTokens) {
    /** Names {@link #PAPER} where a file is expected. */
    public static final String PAPER_NAME = "paper";

    /** Setting of a run: whether a prompt of its questions may hold the end of sequence by its name. */
    public static final String NAMES_END = "promptsNameEnd";

    /** A longer one has no place in the record of a run. */
    private static final long MOST_BYTES = 1L << 19;

    private static final String BYTE_ORDER_MARK = "\ufeff";

    private static final String TRUE_FALSE = "Answer the question with only True or False: {{{question}}}"
            + "{{#context}} Context: {{{context}}}{{/context}}{{{eos_token}}}";

    private static final String MULTIPLE_CHOICE = "Select one of the choices that answers the following question:"
            + " {{{question}}}{{#context}} Context: {{{context}}}{{/context}}"
            + " Choices:{{#choices}} {{{label}}}. {{{text}}}{{/choices}} Answer:";

    /**
     * The two forms of the paper (Yang et al. 2024, arXiv 2308.13111, appendix), word for word: that of True/False
     * questions, which the end of sequence ends as with the paper's authors, and that of the others. The paper gives no
     * context to a multiple-choice question; where there is one it stands before the choices in the words of the
     * True/False form.
     */
    public static final PromptForm PAPER =
            of("{{#trueFalse}}" + TRUE_FALSE + "{{/trueFalse}}{{^trueFalse}}" + MULTIPLE_CHOICE + "{{/trueFalse}}");

    /** The question alone, as a tokenizer of transformers reads a text: how sequence classifiers are asked. */
    public static final PromptForm TEXT = of("{{{question}}}").withSpecialTokens(SpecialTokensRule.ALWAYS);

    /** @throws IllegalArgumentException in one line, if the template is none or renders nothing of a question */
    public PromptForm {
        Objects.requireNonNull(labelSeparator, "labelSeparator");
        Objects.requireNonNull(specialTokens, "specialTokens");
        Objects.requireNonNull(labelTokens, "labelTokens");
        new PromptTemplate(template);
    }

    /** A template with the defaults of everything else. */
    public static PromptForm of(String template) {
        return new PromptForm(template, Optional.empty(), SpecialTokensRule.AUTO, LabelTokens.ONE);
    }

    /**
     * The paper's form by its name, else a template from a file, UTF-8, to the byte: a new line at its end is one at
     * the end of every prompt.
     *
     * @param paperOrFile {@value #PAPER_NAME}, or a path
     * @throws IllegalArgumentException in one line, naming the file
     */
    public static PromptForm read(String paperOrFile) {
        if (paperOrFile.equals(PAPER_NAME)) {
            return PAPER;
        }
        Path file = Path.of(paperOrFile);
        String name = "prompt file " + file;
        try {
            byte[] bytes = InputFile.read(file, MOST_BYTES);
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return of(text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text);
        } catch (NoSuchFileException e) {
            throw new IllegalArgumentException(name + " does not exist: --prompt is paper or a file", e);
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException(name + " must be UTF-8, got other bytes", e);
        } catch (IOException e) {
            throw new IllegalArgumentException(name + " cannot be read: " + e.getMessage(), e);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
        }
    }

    /** The same with another separator; empty: as the end of the prompt says. */
    public PromptForm withLabelSeparator(Optional<String> newSeparator) {
        return new PromptForm(template, newSeparator, specialTokens, labelTokens);
    }

    /** The same where the tokenizer adds its special tokens otherwise. */
    public PromptForm withSpecialTokens(SpecialTokensRule newRule) {
        return new PromptForm(template, labelSeparator, newRule, labelTokens);
    }

    /** The same where labels become classes otherwise. */
    public PromptForm withLabelTokens(LabelTokens newTokens) {
        return new PromptForm(template, labelSeparator, specialTokens, newTokens);
    }

    /** The text of a question's prompt where model and tokenizer have no special tokens. */
    public String text(Question question) {
        return question.prompt() == null ? new PromptTemplate(template).render(question, "", "") : question.prompt();
    }

    /** Whether the template is the paper's, whose labels follow a space also after the end of sequence. */
    public boolean isPaper() {
        return template.equals(PAPER.template);
    }

    /**
     * Whether the prompt of one of some questions may hold the end of sequence by its name, so that another such token
     * makes another prompt.
     */
    public boolean namesEnd(Collection<Question> questions) {
        if (isPaper()) {
            return questions.stream().anyMatch(question -> question.prompt() == null && question.isTrueFalse());
        }
        return questions.stream().anyMatch(question -> question.prompt() == null) && namesEnd();
    }

    /** Whether the template names the end of sequence. */
    public boolean namesEnd() {
        return new PromptTemplate(template).names(PromptTemplate.EOS);
    }
}
