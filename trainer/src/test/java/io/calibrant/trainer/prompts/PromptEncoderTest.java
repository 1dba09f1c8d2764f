package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PromptEncoderTest {
    private static final List<Choice> AB = List.of(new Choice("A", "13."), new Choice("B", "10."));
    private static final List<Choice> FALSE_TRUE = List.of(new Choice("False", "no"), new Choice("True", "yes"));
    private static final long BOS = 0;
    private static final int EOS = 1;

    private static PromptTokenizer tokenizer;

    @BeforeAll
    static void load() {
        tokenizer = Tokenizers.golden();
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    @Test
    void shouldAskMultipleChoiceQuestionsInThePapersWords() {
        assertThat(paper(new Question("q", "Which is larger?", null, AB, null)))
                .isEqualTo("Select one of the choices that answers the following question: Which is larger?"
                        + " Choices: A. 13. B. 10. Answer:");
    }

    @Test
    void shouldPutTheContextOfAMultipleChoiceQuestionBeforeItsChoices() {
        assertThat(paper(new Question("q", "Which?", "Some facts.", AB, null)))
                .isEqualTo("Select one of the choices that answers the following question: Which? Context: Some facts."
                        + " Choices: A. 13. B. 10. Answer:");
    }

    @Test
    void shouldAskTrueFalseQuestionsInThePapersWords() {
        assertThat(paper(new Question("q", "is it", "It is.", FALSE_TRUE, null)))
                .isEqualTo("Answer the question with only True or False: is it Context: It is.");
        assertThat(paper(new Question("q", "is it", null, FALSE_TRUE, null)))
                .isEqualTo("Answer the question with only True or False: is it");
        assertThat(PromptEncoder.paper(tokenizer, OptionalInt.of(EOS))
                        .text(new Question("q", "is it", "", FALSE_TRUE, null)))
                .isEqualTo("Answer the question with only True or False: is it</s>");
    }

    /**
     * As a tokenizer of transformers with add_eos_token reads a text; logits are those at the last token that counts.
     */
    @Test
    void shouldReadTheEndBehindTheTextOfAClassifierOnly(@TempDir Path directory) throws IOException {
        Files.copy(
                Path.of("src", "test", "resources", "golden", "tokenizer.json"), directory.resolve("tokenizer.json"));
        Files.writeString(
                directory.resolve("tokenizer_config.json"), "{\"add_eos_token\": true, \"eos_token\": \"</s>\"}");
        Question question = new Question("q", "It is red.", null, List.of(), null);
        Question begun = new Question("q", null, null, List.of(), null, "<s>It is red.");
        try (PromptTokenizer ending = PromptTokenizer.loadWithEnd(directory)) {
            long[] text = tokenizer.encode("It is red.");
            PromptEncoder encoder = new PromptEncoder(PromptForm.TEXT, ending, OptionalInt.of(EOS));
            List<String> labels = List.of("red", "green");
            PromptEncoder classifier = encoder.ofClassifier(labels, OptionalInt.empty());

            assertThat(classifier.encode(question).ids())
                    .startsWith(text)
                    .endsWith(EOS)
                    .hasSize(text.length + 1);
            assertThat(encoder.ofClassifier(labels, OptionalInt.of(EOS))
                            .encode(question)
                            .ids())
                    .as("an end that is the padding's token does not count")
                    .isEqualTo(text);
            assertThat(new PromptEncoder(PromptForm.of("{{{question}}}"), ending, OptionalInt.of(EOS))
                            .ofClassifier(labels, OptionalInt.empty())
                            .encode(begun)
                            .ids())
                    .as("a text that begins with the special tokens has its own")
                    .isEqualTo(text);
        }
    }

    @Test
    void shouldTakeOtherTwoWayLabelsForMultipleChoice() {
        Question yesNo = new Question("q", "is it", null, List.of(new Choice("True", ""), new Choice("No", "")), null);
        assertThat(yesNo.isTrueFalse()).isFalse();
        assertThat(paper(yesNo)).startsWith("Select one");
    }

    @Test
    void shouldEndTrueFalsePromptsOnlyWithTheEndTokenAndKeepTheSpaceBeforeTheirLabels() {
        Question trueFalse = new Question("q", "is it", "It is.", FALSE_TRUE, null);
        Question choice = new Question("q", "which", null, AB, null);
        PromptForm form = PromptForm.PAPER.withLabelTokens(LabelTokens.FIRST); // no one token in this tokenizer
        PromptEncoder without = new PromptEncoder(form, tokenizer, OptionalInt.empty());
        PromptEncoder with = new PromptEncoder(form, tokenizer, OptionalInt.of(EOS));
        long[] plain = tokenizer.encode(without.text(trueFalse));

        TokenizedPrompt ended = with.encode(trueFalse);

        assertThat(ended.ids()).startsWith(plain).endsWith(EOS).hasSize(plain.length + 1);
        assertThat(ended.separator()).isEqualTo(" ");
        assertThat(ended.labelTokens()).containsExactly((int) tokenizer.encodePlain(" False")[0], (int)
                tokenizer.encodePlain(" True")[0]);
        assertThat(without.encode(trueFalse).ids()).isEqualTo(plain);
        assertThat(with.encode(choice).ids()).isEqualTo(tokenizer.encode(with.text(choice)));
    }

    /** Llama 2 begins anew behind the end of sequence, with a token for the space. */
    @Test
    void shouldSayThePapersTrueAndFalseAsAfterTheTextBeforeTheEndOfSequence() {
        try (PromptTokenizer llama = Tokenizers.shared("tokenizers/llama2")) {
            Question question = new Question("q", "is it", "It is.", FALSE_TRUE, null);
            TokenizedPrompt paper =
                    PromptEncoder.paper(llama, OptionalInt.of(2)).encode(question);
            assertThat(paper.ids()).endsWith(2);
            assertThat(paper.labelTokens()).containsExactly(8250, 6110);
            PromptForm own = PromptForm.of("{{{question}}}{{{eos_token}}}").withLabelSeparator(Optional.of(" "));
            TokenizedPrompt inContext = new PromptEncoder(own, llama, OptionalInt.of(2)).encode(question);
            assertThat(inContext.ids()).as("as transformers continues it").endsWith(2, 28705);
            assertThat(inContext.labelTokens()).containsExactly(8250, 6110);
        }
    }

    @Test
    void shouldAddSpecialTokensUnlessThePromptBeginsWithThemOrAsTold() {
        Question question = new Question("q", "which", null, AB, null);
        PromptForm own = PromptForm.of("{{{bos_token}}}Question: {{{question}}}\nAnswer:");
        PromptForm plain = PromptForm.of("Question: {{{question}}}\nAnswer:");
        long[] ids = encoded(own, question).ids();
        assertThat(ids[0]).isEqualTo(BOS);
        assertThat(ids[1]).isNotEqualTo(BOS);
        assertThat(encoded(own, question).addsSpecialTokens()).isFalse();
        assertThat(encoded(plain, question).ids()).isEqualTo(ids);
        assertThat(encoded(plain, question).addsSpecialTokens()).isTrue();
        assertThat(encoded(own.withSpecialTokens(SpecialTokensRule.ALWAYS), question)
                        .ids())
                .startsWith(BOS, BOS)
                .hasSize(ids.length + 1);
        assertThat(encoded(plain.withSpecialTokens(SpecialTokensRule.NEVER), question)
                        .ids())
                .isEqualTo(Arrays.copyOfRange(ids, 1, ids.length));
    }

    @Test
    void shouldRefuseAPromptThatEndsWithASpaceUnlessTheSeparatorIsGiven() {
        PromptForm form = PromptForm.of("{{{question}}} Answer: ");
        Question question = new Question("q", "which", null, AB, null);
        assertThatThrownBy(() -> encoded(form, question))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the prompt of question 'q' must not end with a space")
                .hasMessageContaining("'which Answer: '")
                .hasMessageContaining("leave it out");
        assertThatThrownBy(() -> encoded(form.withLabelSeparator(Optional.of("")), question))
                .as("' A' is one token, so the prompt's space would have to join it")
                .hasMessageContaining("label 'A' of question 'q' must be one that continues its prompt");
        assertThat(encoded(form.withLabelSeparator(Optional.of("\n")), question).separator())
                .isEqualTo("\n");
    }

    @Test
    void shouldAskAPromptOfItsOwnVerbatimAndWithoutThePapersSpace() {
        Question question = new Question("q", null, null, AB, null, "{{{question}}} A or B?\n");
        TokenizedPrompt prompt = encoded(PromptForm.PAPER, question);
        assertThat(prompt.text()).isEqualTo("{{{question}}} A or B?\n");
        assertThat(prompt.separator()).isEmpty();
        assertThat(prompt.labelTokens()).containsExactly((int) tokenizer.encodePlain("A")[0], (int)
                tokenizer.encodePlain("B")[0]);
        assertThat(question.question()).isEmpty();
    }

    @Test
    void shouldFindTheLabelsOfALongPromptAsThoseOfAShortOne() {
        String facts = "The fox is red. The owl is white. ".repeat(100);
        for (PromptForm form : List.of(PromptForm.PAPER, PromptForm.of("{{{context}}}{{{question}}}</s>"))) {
            TokenizedPrompt brief = encoded(form, new Question("q", "Which?", null, AB, null));
            TokenizedPrompt lengthy = encoded(form, new Question("q", "Which?", facts, AB, null));
            assertThat(lengthy.labelTokens()).isEqualTo(brief.labelTokens());
            assertThat(lengthy.ids()).isEqualTo(tokenizer.encode(lengthy.text()));
        }
    }

    @Test
    void shouldTakeTheFirstTokensOfWordsOnlyIfToldAndOnlyIfTheyDiffer() {
        PromptForm form = PromptForm.of("Review: {{{question}}}\nSentiment:");
        Question words = labelled("positive", "negative");
        assertThatThrownBy(() -> encoded(form, words))
                .hasMessageContaining("label 'positive' of question 'q' must be exactly one token")
                .hasMessageContaining("--label-tokens first");
        TokenizedPrompt first = encoded(form.withLabelTokens(LabelTokens.FIRST), words);
        assertThat(first.labelTokens()[0]).isNotEqualTo(first.labelTokens()[1]);
        assertThatThrownBy(() -> encoded(
                        form.withLabelTokens(LabelTokens.FIRST), labelled("positively", "positive", "negative")))
                .hasMessageContaining("labels 'positively' and 'positive' must be different tokens of this model");
    }

    @Test
    void shouldRefuseALabelThatIsAnotherTokenInAnotherPrompt() {
        PromptForm form = PromptForm.of("{{{question}}}");
        List<TokenizedPrompt> prompts = List.of(
                encoded(form, new Question("q1", "A or B? Answer:", null, AB, null)),
                encoded(form, new Question("q2", "A or B?\n", null, AB, null)));
        assertThatThrownBy(() -> ClassTokens.of(prompts))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("label 'A' of question 'q2' must be token \\d+, as in the run's other prompts, got"
                        + " \\d+: the prompts end in different ways");
        ClassTokens classes = ClassTokens.of(prompts.subList(0, 1));
        assertThat(classes.place(prompts.get(0)).classes()).containsExactly(0, 1);
        assertThatThrownBy(() -> classes.place(prompts.get(1))).hasMessageContaining("label 'A' of question 'q2'");
    }

    private static Question labelled(String... labels) {
        return new Question(
                "q",
                "A film.",
                null,
                Arrays.stream(labels).map(label -> new Choice(label, "")).toList(),
                null);
    }

    private static TokenizedPrompt encoded(PromptForm form, Question question) {
        return new PromptEncoder(form, tokenizer, OptionalInt.of(EOS)).encode(question);
    }

    private static String paper(Question question) {
        return PromptEncoder.paper(tokenizer, OptionalInt.empty()).text(question);
    }
}
