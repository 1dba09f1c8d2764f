package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.schemas.Shard;
import io.calibrant.trainer.TinyDirectory;
import io.calibrant.trainer.TinyQuestions;
import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.settings.ValidationSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingSetTest {
    @TempDir
    Path directory;

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
    void shouldNameQuestionLengthAndFlagOfAPromptThatIsTooLong() {
        assertThatThrownBy(() -> read(ValidationSource.NONE, 10, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching(
                        "question file .*q\\.jsonl: question 'q0' is \\d+ tokens long, --max-length accepts 10");
    }

    @Test
    void shouldNameTheModelsContextWhereThatIsTheLimit() throws IOException {
        Path config = model.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace("\"max_position_embeddings\": 256", "\"max_position_embeddings\": 16"));

        assertThatThrownBy(() -> read(ValidationSource.NONE, 300, 0))
                .hasMessageContaining("question 'q0' is ")
                .hasMessageContaining("the model's context (max_position_embeddings of " + config + ") accepts 16");
    }

    @Test
    void shouldRefuseTrainingQuestionsWithoutAnswers() throws IOException {
        Question labelled = TinyRun.questions(1).get(0);
        TinyQuestions.write(
                questions, List.of(new Question(labelled.id(), labelled.question(), null, labelled.choices(), null)));

        assertThatThrownBy(() -> read(ValidationSource.NONE, 300, 0))
                .hasMessage("question file " + questions
                        + ": question 'q0' has no answer, accepted are labelled questions");
    }

    private TrainingSet read(ValidationSource validation, int maxLength, long seed) {
        return TrainingSet.read(
                new TrainerSettings(
                        "r",
                        model,
                        questions,
                        Optional.empty(),
                        1,
                        4,
                        1e-3,
                        8,
                        16,
                        0.1,
                        LoraTargets.parse("q_proj"),
                        maxLength,
                        seed,
                        KfacApproximation.EXPAND,
                        FisherType.EXACT,
                        Optional.of(10),
                        validation,
                        Optional.empty(),
                        ComputeDevice.CPU,
                        Shard.WHOLE,
                        StreamingSettings.DEFAULT,
                        0,
                        false,
                        Optional.empty()),
                ModelConfig.read(model));
    }
}
