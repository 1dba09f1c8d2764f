package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.trainer.TinyDirectory;
import io.calibrant.trainer.TinyQuestions;
import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingSetTest {
    @TempDir
    Path directory;

    private final List<String> notes = new ArrayList<>();
    private Path model;
    private Path questions;

    @BeforeEach
    void write() throws IOException {
        model = TinyDirectory.write(directory.resolve("model"), 1);
        questions = TinyQuestions.write(directory.resolve("q.jsonl"), TinyRun.questions(20));
    }

    @Test
    void shouldHoldOutAPartInFileOrderBySeed() {
        TrainingSet set = read(ValidationSource.heldOut(0.2), 300, 3);

        List<String> held = set.validation().stream().map(Question::id).toList();
        List<String> kept = set.prompts().stream().map(p -> p.question().id()).toList();
        assertThat(held).hasSize(4);
        assertThat(kept).hasSize(16).doesNotContainAnyElementsOf(held);
        List<String> file = TinyRun.questions(20).stream().map(Question::id).toList();
        List<String> sorted = new ArrayList<>(kept);
        sorted.sort(java.util.Comparator.comparingInt(file::indexOf));
        assertThat(kept).isEqualTo(sorted);
        assertThat(read(ValidationSource.heldOut(0.2), 300, 3).validation()).isEqualTo(set.validation());
        assertThat(read(ValidationSource.heldOut(0.2), 300, 4).validation()).isNotEqualTo(set.validation());
    }

    @Test
    void shouldTakeTrainingQuestionsFromTheWholeFileForTheNoiseOfALogit() throws IOException {
        assertThat(read(ValidationSource.NONE, 300, 0).forNoise()).hasSize(20); // no more are there
        // 16 and 4 held out: together enough
        assertThat(read(ValidationSource.heldOut(0.2), 300, 3).forNoise()).hasSize(16);

        List<String> many = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            for (String line : Files.readAllLines(questions)) {
                many.add(line.replace("\"id\":\"q", "\"id\":\"" + i + "-"));
            }
        }
        Files.write(questions, many);
        List<String> chosen = read(ValidationSource.NONE, 300, 0).forNoise().stream()
                .map(Question::id)
                .toList();
        assertThat(chosen).hasSize(64).doesNotHaveDuplicates();
        assertThat(chosen.get(63)).startsWith("9-");

        Files.write(questions, many.subList(0, 19));
        assertThat(read(ValidationSource.NONE, 300, 0).forNoise()).isEmpty(); // no fitter makes a noise of these
    }

    @Test
    void shouldHoldOutNothingAtZeroAndAtMostAllButOne() {
        assertThat(read(ValidationSource.NONE, 300, 0).validation()).isEmpty();
        assertThat(read(ValidationSource.heldOut(0.999), 300, 0).prompts()).hasSize(1);
    }

    @Test
    void shouldTakeValidationQuestionsFromAFileAndTheirLabelsIntoTheRun() throws IOException {
        Path file = directory.resolve("v.jsonl");
        Files.writeString(
                file,
                "{\"id\": \"v\", \"question\": \"x\", \"choices\": [{\"label\": \"G\", \"text\": \"1\"}, {\"label\":"
                        + " \"A\", \"text\": \"2\"}], \"answer\": \"G\"}\n");

        TrainingSet set = read(ValidationSource.of(file), 300, 0);

        assertThat(set.validation()).extracting(Question::id).containsExactly("v");
        assertThat(set.prompts()).hasSize(20);
        assertThat(set.classTokens().tokens())
                .extracting(ClassToken::label)
                .containsExactly("A", "B", "C", "D", "F", "G");
    }

    @Test
    void shouldRefuseValidationQuestionsThatAreTrainingQuestionsUnderOtherIds() throws IOException {
        Path file = directory.resolve("v.jsonl");
        Files.writeString(file, "\n" + Files.readAllLines(questions).get(3).replace("\"q3\"", "\"v0\"") + "\n");

        assertThatThrownBy(() -> read(ValidationSource.of(file), 300, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("question file .*v\\.jsonl, line 2: question 'v0' is by its text one of the"
                        + " training questions, as all 1 are: .*");

        Files.writeString(
                file,
                Files.readString(file)
                        + "{\"id\": \"v\", \"question\": \"x\", \"choices\": [{\"label\": \"A\", \"text\": \"1\"},"
                        + " {\"label\": \"B\", \"text\": \"2\"}], \"answer\": \"A\"}\n");
        TrainingSet set = read(ValidationSource.of(file), 300, 0);
        assertThat(set.validation()).extracting(Question::id).containsExactly("v");
        assertThat(set.seen()).isEqualTo(1);
    }

    @Test
    void shouldNotValidateWithAHeldOutQuestionThatIsTrainedOnUnderAnotherId() throws IOException {
        List<String> lines = Files.readAllLines(questions);
        List<String> twice = new ArrayList<>(lines);
        lines.forEach(line -> twice.add(line.replace("\"id\":\"q", "\"id\":\"again")));
        Files.write(questions, twice);

        TrainingSet set = read(ValidationSource.heldOut(0.2), 300, 3);

        assertThat(set.prompts()).hasSize(32);
        assertThat(set.seen()).isPositive();
        assertThat(set.validation())
                .hasSize(8 - set.seen())
                .noneMatch(question -> set.texts().contains(TrainingSet.text(question)));
    }

    @Test
    void shouldNameQuestionLengthAndFlagOfAPromptThatIsTooLong() {
        assertThatThrownBy(() -> read(ValidationSource.NONE, 10, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("question file .*q\\.jsonl: prompts must be at most 10 tokens long"
                        + " \\(--max-length\\), got 20 of 20 that are longer, the longest, of question 'q\\d+', with"
                        + " (\\d+) tokens: --max-length \\1 fits them all");
    }

    @Test
    void shouldNameTheModelsContextWhereThatIsTheLimit() throws IOException {
        Path config = model.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace("\"max_position_embeddings\": 256", "\"max_position_embeddings\": 16"));

        assertThatThrownBy(() -> read(ValidationSource.NONE, 300, 0))
                .hasMessageContaining("prompts must be at most 16 tokens long")
                .hasMessageContaining(" (max_position_embeddings of " + config + "), got 20 of 20 that are longer")
                .hasMessageNotContaining("--max-length");
    }

    @Test
    void shouldLeaveOutLongQuestionsIfToldTo() {
        List<EncodedPrompt> all = read(ValidationSource.NONE, 300, 0).prompts();
        int[] lengths = all.stream().mapToInt(EncodedPrompt::length).sorted().toArray();
        int most = lengths[lengths.length / 2];
        long longer = Arrays.stream(lengths).filter(length -> length > most).count();
        assertThatThrownBy(() -> read(ValidationSource.NONE, most, 0))
                .hasMessageContaining("got " + longer + " of 20 that are longer")
                .hasMessageEndingWith("with " + lengths[19] + " tokens: --max-length " + lengths[19]
                        + " fits them all, --skip-long leaves them out");

        TrainingSet set = read(
                new QuestionSettings(questions, most, true, ValidationSource.heldOut(0.2), PromptForm.PAPER),
                settings -> settings);

        assertThat(set.prompts().size() + set.validation().size()).isEqualTo((int) (20 - longer));
        assertThat(set.prompts()).allMatch(prompt -> prompt.length() <= most);
        assertThat(notes).hasSize(1);
        assertThat(notes.get(0)).contains(longer + " of 20", "--skip-long");
    }

    @Test
    void shouldTakePromptsThatAreLongerThanASlidingWindow() throws IOException {
        Path config = model.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace("LlamaForCausalLM", "MistralForCausalLM")
                        .replace("\"model_type\": \"llama\"", "\"model_type\": \"mistral\", \"sliding_window\": 16"));

        assertThat(read(ValidationSource.NONE, 300, 0).prompts()).hasSize(20).anyMatch(prompt -> prompt.length() > 16);
    }

    @Test
    void shouldRefuseTokensThatTheModelDoesNotHave() throws IOException {
        Path config = model.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("\"vocab_size\": 512", "\"vocab_size\": 100"));

        assertThatThrownBy(() -> read(ValidationSource.NONE, 300, 0))
                .hasMessageMatching("tokens of question 'q0' must be below 100 \\(vocab_size of .*\\), got \\d+");
    }

    @Test
    void shouldRefuseAnAdapterWhoseTokenizerMakesOtherTokens() throws IOException {
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        Path own = adapter.resolve("tokenizer.json");
        String text = Files.readString(model.resolve("tokenizer.json"));
        Files.writeString(own, text);
        assertThat(readWith(adapter).prompts()).hasSize(20);
        Files.writeString(own, text.replaceFirst("\"padding\": null", "\"padding\":  null"));
        assertThat(readWith(adapter).prompts())
                .as("other bytes, the same tokens")
                .hasSize(20);
        Files.writeString(
                adapter.resolve("tokenizer_config.json"),
                "{\"add_bos_token\": true, \"add_eos_token\": true, \"bos_token\": \"<s>\"}");
        Files.writeString(
                own,
                text.replaceFirst(
                        "(?s)(\"single\": \\[.*?\"Sequence\".*?\\}\\s*\\})",
                        "$1, {\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}"));
        assertThat(Files.readString(own)).isNotEqualTo(text);
        assertThat(readWith(adapter).prompts())
                .as("an end of sequence behind the text, as scripts for QLoRA save it")
                .hasSize(20);
        Files.writeString(adapter.resolve("tokenizer_config.json"), "{\"add_bos_token\": false}");
        assertThatThrownBy(() -> readWith(adapter))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(
                        own.toString(), model.resolve("tokenizer.json").toString(), "question 'q0'");
    }

    private TrainingSet readWith(Path adapter) {
        return read(
                QuestionSettings.of(questions),
                settings -> settings.withAdapter(settings.adapter().withFrom(adapter)));
    }

    @Test
    void shouldRefuseTrainingQuestionsWithoutAnswers() throws IOException {
        Question labelled = TinyRun.questions(1).get(0);
        TinyQuestions.write(
                questions, List.of(new Question(labelled.id(), labelled.question(), null, labelled.choices(), null)));

        assertThatThrownBy(() -> read(ValidationSource.NONE, 300, 0))
                .hasMessage("question file " + questions
                        + ": answer of question 'q0' must be one of its labels, got nothing");
    }

    /** A prompt that begins with BOS gets no second one, and whoever trains is told so. */
    @Test
    void shouldSayThatATemplateBringsItsOwnBeginning() {
        List<EncodedPrompt> own = asked("{{{bos_token}}}Q: {{{question}}}\nAnswer:");
        assertThat(notes)
                .singleElement()
                .asString()
                .startsWith("note: the first prompt ends with '")
                .endsWith("\\nAnswer:', its label follows as ' A' (--label-separator); the tokenizer adds no"
                        + " special tokens (--special-tokens)");
        notes.clear();
        List<EncodedPrompt> added = asked("Q: {{{question}}}\nAnswer:");
        assertThat(notes).singleElement().asString().endsWith("its label follows as ' A' (--label-separator)");

        for (int i = 0; i < added.size(); i++) {
            assertThat(own.get(i).ids()).isEqualTo(added.get(i).ids());
            assertThat(Arrays.stream(own.get(i).ids()).filter(id -> id == 0)).hasSize(1);
        }
    }

    private List<EncodedPrompt> asked(String template) {
        return read(
                        new QuestionSettings(questions, 300, false, ValidationSource.NONE, PromptForm.of(template)),
                        settings -> settings)
                .prompts();
    }

    private TrainingSet read(ValidationSource validation, int maxLength, long seed) {
        return read(
                new QuestionSettings(questions, maxLength, false, validation, PromptForm.PAPER),
                settings -> settings.withSeed(seed));
    }

    private TrainingSet read(QuestionSettings wanted, UnaryOperator<TrainerSettings> more) {
        return TrainingSet.read(
                more.apply(TrainerSettings.of("r", model, questions).withQuestions(wanted)),
                ModelConfig.read(model),
                notes::add);
    }
}
