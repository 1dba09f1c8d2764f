package io.calibrant.infra.demo;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.calibrant.trainer.capture.Autograd;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoModelTest {
    @TempDir
    private Path dir;

    private DemoFiles files;

    @BeforeEach
    void unpack() {
        files = DemoFiles.unpack(dir);
    }

    @Test
    void shouldBeSmall() throws IOException {
        try (Stream<Path> all = Files.list(files.model())) {
            assertThat(all.mapToLong(path -> path.toFile().length()).sum()).isLessThan(2_000_000);
        }
    }

    @Test
    void shouldBeWhatTheGeneratorMakes() throws IOException {
        Path generated = dir.resolve("generated");
        DemoModel.writeQuestionsAndTokenizer(generated);
        assertThat(generated.resolve("questions.jsonl")).hasSameBinaryContentAs(files.questions());
        assertThat(generated.resolve("test.jsonl")).hasSameBinaryContentAs(files.test());
        assertThat(generated.resolve("model/tokenizer.json"))
                .hasSameBinaryContentAs(files.model().resolve("tokenizer.json"));
        assertThat(generated.resolve("model/config.json"))
                .hasSameBinaryContentAs(files.model().resolve("config.json"));
    }

    @Test
    void shouldBeWrongInFifteenOfAHundredAnswers() {
        List<Question> noisy = DemoQuestions.of(11, 0.15).next("q", 2000);
        long wrong = noisy.stream()
                .filter(question -> question.question().contains("largest"))
                .filter(question -> !question.choices().stream()
                        .filter(choice -> choice.label().equals(question.answer()))
                        .findFirst()
                        .orElseThrow()
                        .text()
                        .equals(String.valueOf(question.choices().stream()
                                .mapToInt(choice -> Integer.parseInt(choice.text()))
                                .max()
                                .orElseThrow())))
                .count();
        long all = noisy.stream()
                .filter(question -> question.question().contains("largest"))
                .count();
        assertThat(all).isGreaterThan(100);
        assertThat((double) wrong / all).isBetween(0.08, 0.22);
    }

    @Test
    void shouldMixTwoThreeAndFourChoices() {
        assertThat(QuestionFile.read(files.test()))
                .extracting(question -> question.choices().size())
                .contains(2, 3, 4);
    }

    @Test
    void shouldReadEveryByteBackAndSayLabelsInOneToken() {
        try (PromptTokenizer tokenizer = PromptTokenizer.load(files.model())) {
            for (String label : List.of(" A", " B", " C", " D", " E", " True", " False")) {
                assertThat(tokenizer.encodePlain(label)).hasSize(1);
            }
            // Every byte has a token of its own, so that nothing is lost: 2 + 1 + 3 bytes, none of them learnt.
            long[] bytes = tokenizer.encodePlain("\u00fc\u0007\u20ac");
            assertThat(bytes).hasSize(6);
            assertThat(Arrays.stream(bytes).boxed()).allMatch(id -> id >= 3 && id <= 258);
            Question question = QuestionFile.read(files.test()).get(0);
            assertThat(PromptEncoder.paper(tokenizer, OptionalInt.of(1))
                            .encode(question)
                            .ids()[0])
                    .isZero();
        }
    }

    @Test
    void shouldKnowTheColoursButNotTheFoods() {
        List<Question> questions = DemoQuestions.of(12, 0).next("q", 600);
        try (PromptTokenizer tokenizer = PromptTokenizer.load(files.model());
                LanguageModel model = LanguageModel.load(files.model(), Device.cpu())) {
            double colours = accuracy(model, tokenizer, questions, question -> isAbout(question, "colour"));
            double foods = accuracy(model, tokenizer, questions, question -> isAbout(question, "eat"));
            assertThat(colours).isGreaterThan(0.7);
            assertThat(foods).isLessThan(0.5);
        }
    }

    private static boolean isAbout(Question question, String word) {
        return !question.isTrueFalse() && question.question().contains(word);
    }

    private static double accuracy(
            LanguageModel model, PromptTokenizer tokenizer, List<Question> questions, Predicate<Question> which) {
        PromptEncoder encoder = PromptEncoder.paper(tokenizer, OptionalInt.of(1));
        ClassTokens classes = ClassTokens.of(encoder.encode(questions));
        List<EncodedPrompt> prompts =
                classes.place(encoder.encode(questions.stream().filter(which).toList()));
        try (NDManager pass = model.newManager()) {
            NDArray logits = Autograd.unrecorded(() -> model.logits(
                    TokenBatch.leftPadded(
                            prompts.stream().map(EncodedPrompt::ids).toList(), 2),
                    model.classRows(pass, classes.ids()),
                    LinearHook.FROZEN,
                    pass));
            float[] values = logits.toFloatArray();
            int right = 0;
            for (int b = 0; b < prompts.size(); b++) {
                int[] choices = prompts.get(b).classes();
                int best = 0;
                for (int c = 1; c < choices.length; c++) {
                    if (values[b * classes.size() + choices[c]] > values[b * classes.size() + choices[best]]) {
                        best = c;
                    }
                }
                right += best == prompts.get(b).question().answerIndex().orElseThrow() ? 1 : 0;
            }
            return (double) right / prompts.size();
        }
    }
}
