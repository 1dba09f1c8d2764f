package io.calibrant.scorer.answering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.calibrant.schemas.avro.Purpose;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.LabelTokens;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With a tokenizer of whole words: a label is one token exactly if it is one of the words. */
class PromptReaderTest {
    private static final List<String> WORDS =
            List.of("<unk>", "</s>", ":", ".", "Answer", "True", "False", "A", "B", "C", "word", "alien");
    private static final int CONTEXT = 40;
    private static final int EOS = 1;

    @TempDir
    private static Path directory;

    private static PromptTokenizer tokenizer;

    @BeforeAll
    static void load() throws IOException {
        List<String> vocabulary = new ArrayList<>();
        for (String word : WORDS) {
            vocabulary.add('"' + word + "\": " + WORDS.indexOf(word));
        }
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
                 "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
                 "model": {"type": "WordLevel", "vocab": {%s}, "unk_token": "<unk>"}}
                """.formatted(String.join(", ", vocabulary)));
        tokenizer = PromptTokenizer.load(directory);
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    @Test
    void shouldEncodeTheChoicesAsTokenIdsInTheirOrder() throws BadQuestionException {
        TokenizedQuestion read = reader().read(question("B", "C", "A"), Purpose.VALIDATION);

        assertThat(read.choices()).containsExactly(token("B"), token("C"), token("A"));
        assertThat(read.choiceCount()).isEqualTo(3);
        assertThat(read.prompt()).contains(token("Answer"), token("word"));
        assertThat(read.length()).isEqualTo(read.prompt().length);
        assertThat(read.purpose()).isEqualTo(Purpose.VALIDATION);
        assertThat(read.question().id()).isEqualTo("q");
    }

    @Test
    void shouldEndATrueFalsePromptWithTheEndOfSequence() throws BadQuestionException {
        long[] prompt = reader().read(question("True", "False"), Purpose.ANSWER).prompt();
        long[] without = new PromptReader(
                        PromptEncoder.paper(tokenizer, OptionalInt.empty()), config(WORDS.size()), Optional.empty())
                .read(question("True", "False"), Purpose.ANSWER)
                .prompt();

        assertThat(prompt).endsWith(EOS).hasSize(without.length + 1).startsWith(without);
        assertThat(reader().read(question("A", "B"), Purpose.ANSWER).prompt()).doesNotContain(EOS);
    }

    @Test
    void shouldRefuseAQuestionThatIsTooLong() throws BadQuestionException {
        int fixed = reader().read(stem(0), Purpose.ANSWER).length();

        assertThat(reader().read(stem(CONTEXT - fixed), Purpose.ANSWER).length())
                .isEqualTo(CONTEXT);
        assertThatThrownBy(() -> reader().read(stem(CONTEXT - fixed + 1), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessage("the prompt of question 'q' must be at most 40 tokens, the model's context, got 41");
    }

    /** A tokenizer takes some 300 bytes a character, and never gives them back. */
    @Test
    void shouldRefuseATextThatIsFarTooLongWithoutTokenizingIt() {
        PromptReader closed = new PromptReader(
                PromptEncoder.paper(null, OptionalInt.empty()), config(WORDS.size()), Optional.empty());
        List<Choice> choices = List.of(new Choice("A", ""), new Choice("B", ""));
        String text = "word ".repeat(2_000);
        for (Question question : List.of(
                new Question("q", text, null, choices, null),
                new Question("q", "word", text, choices, null),
                new Question("q", "word", null, List.of(choices.get(0), new Choice("B", text)), null))) {
            assertThatThrownBy(() -> closed.read(question, Purpose.ANSWER))
                    .isInstanceOf(BadQuestionException.class)
                    .hasMessageContaining("the prompt of question 'q' must be at most 5120 characters, 128 for each of"
                            + " the 40 tokens of the model's context, got 10");
        }
        assertThatThrownBy(() -> closed.read(question("A", "B".repeat(200)), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessage("a label of question 'q' must be at most 128 characters, one token, got 200");
    }

    /** Where the context is long, a text may have many characters and still too many tokens. */
    @Test
    void shouldTokenizeALongTextNoFurtherThanItsLength() {
        PromptReader large = new PromptReader(
                encoder(),
                ModelConfig.llama(new ModelSizes(WORDS.size(), 8, 1, 2, 2, 4, 8, 20_000), true),
                Optional.empty());
        assertThatThrownBy(() -> large.read(stem(400_000), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageMatching("the prompt of question 'q' must be at most 20000 tokens, the model's context, got"
                        + " more than 2\\d{4}: its first 131072 of 2000\\d{3} characters are");
        assertThat(catchThrowable(() -> large.read(stem(19_000), Purpose.ANSWER)))
                .isNull();
    }

    @Test
    void shouldRefuseALabelThatIsNotOneToken() {
        assertThatThrownBy(() -> reader().read(question("A", "word word"), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageContaining("label 'word word' of question 'q' must be exactly one token", "got 2 tokens");
    }

    /** Where the first token stands for a label, that may be a sentence. */
    @Test
    void shouldTakeALongLabelWhereItsFirstTokenStandsForIt() throws BadQuestionException {
        PromptReader first = new PromptReader(
                new PromptEncoder(PromptForm.PAPER.withLabelTokens(LabelTokens.FIRST), tokenizer, OptionalInt.of(EOS)),
                config(WORDS.size()),
                Optional.empty());
        String sentence = "B" + " word".repeat(30);

        List<Choice> choices = List.of(new Choice("A", ""), new Choice(sentence, ""));
        Question question = new Question("q", "word", null, choices, null, "word");
        assertThat(first.read(question, Purpose.VALIDATION).choices()).containsExactly(token("A"), token("B"));
        assertThatThrownBy(() -> reader().read(question, Purpose.VALIDATION))
                .isInstanceOf(BadQuestionException.class)
                .hasMessage("a label of question 'q' must be at most 128 characters, one token, got 151");
    }

    @Test
    void shouldRefuseTwoLabelsThatAreOneToken() {
        assertThatThrownBy(() -> reader().read(question("unheard", "of"), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageContaining("must be different tokens of this model, got 0 for both");
    }

    @Test
    void shouldRefuseAWordBeyondTheVocabularyOfTheModel() {
        PromptReader smaller = new PromptReader(encoder(), config(WORDS.size() - 1), Optional.empty());
        List<Choice> choices = List.of(new Choice("A", ""), new Choice("B", ""));

        assertThatThrownBy(() -> smaller.read(new Question("q", "alien", null, choices, null), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessage("a token of question 'q' must be below 11, the size of the model's vocabulary, got 11");
    }

    /** The tokenizer may know words that were added beyond the embedding table. */
    @Test
    void shouldRefuseALabelBeyondTheVocabularyOfTheModel() {
        PromptReader smaller = new PromptReader(encoder(), config(WORDS.size() - 1), Optional.empty());

        assertThatThrownBy(() -> smaller.read(question("A", "alien"), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessage("the token of label 'alien' of question 'q' must be below 11, the size of the model's"
                        + " vocabulary, got 11");
    }

    @Test
    void shouldRefuseALabelThatAnAdaptedHeadHasNoRowFor() throws BadQuestionException {
        ClassTokens only = new ClassTokens(List.of(new ClassToken("A", token("A")), new ClassToken("B", token("B"))));
        PromptReader adapted = new PromptReader(encoder(), config(WORDS.size()), Optional.of(only));

        assertThat(adapted.read(question("B", "A"), Purpose.ANSWER).choices()).containsExactly(token("B"), token("A"));
        assertThatThrownBy(() -> adapted.read(question("A", "C"), Purpose.ANSWER))
                .isInstanceOf(BadQuestionException.class)
                .hasMessageContaining("label of question 'q' must be one of");
    }

    private static PromptReader reader() {
        return new PromptReader(encoder(), config(WORDS.size()), Optional.empty());
    }

    private static PromptEncoder encoder() {
        return PromptEncoder.paper(tokenizer, OptionalInt.of(EOS));
    }

    private static ModelConfig config(int vocabulary) {
        return ModelConfig.llama(new ModelSizes(vocabulary, 8, 1, 2, 2, 4, 8, CONTEXT), true);
    }

    private static int token(String word) {
        return WORDS.indexOf(word);
    }

    private static Question stem(int words) {
        return question("word" + " word".repeat(words), List.of("A", "B"));
    }

    private static Question question(String... labels) {
        return question("word", List.of(labels));
    }

    private static Question question(String stem, List<String> labels) {
        return new Question(
                "q",
                stem,
                null,
                labels.stream().map(label -> new Choice(label, "word")).toList(),
                null);
    }
}
