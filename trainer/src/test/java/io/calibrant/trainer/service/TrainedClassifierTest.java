package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.safetensors.SafetensorsWriter;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.RunDescription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run of a sequence classifier, from its directories. */
class TrainedClassifierTest {
    private static final Path SHARED = Path.of("..", "..", "shared");
    private static final Path ZOO = SHARED.resolve("zoo").resolve("seqcls");

    private final TrainerSettings settings = TrainerSettings.of("r", ZOO.resolve("model"), ZOO.resolve("train.jsonl"))
            .withAdapter(AdapterSettings.DEFAULT.withFrom(ZOO.resolve("adapter")))
            .withOptimisation(OptimisationSettings.DEFAULT.withSteps(0));

    @BeforeAll
    static void requireReference() {
        assumeTrue(Files.isDirectory(ZOO), ZOO + " is not here");
    }

    private static TrainingSet read(TrainerSettings settings) {
        return TrainingSet.read(settings, ModelConfig.read(settings.model()), note -> {});
    }

    private static RunDescription describe(TrainerSettings settings) {
        ModelConfig config = ModelConfig.read(settings.model());
        TrainingSet set = read(settings);
        Optional<SequenceClassifier> classifier = TrainedClassifier.read(settings, config);
        Adapter adapter = TrainedClassifier.adapter(
                settings.adapter().from().orElseThrow(),
                config,
                classifier,
                set.classTokens().ids(),
                settings.adapter().headBlock());
        return RunDescriptions.describe(settings, adapter, set);
    }

    @Test
    void shouldDescribeARunWhoseClassesAreRowsOfItsHead() {
        RunDescription run = describe(settings);

        assertThat(run.classTokens().tokens())
                .containsExactly(new ClassToken("colour", 0), new ClassToken("food", 1), new ClassToken("number", 2));
        assertThat(run.prompt()).isEqualTo(PromptForm.TEXT);
        assertThat(run.trainingQuestions()).isEqualTo(40);
        assertThat(run.adapter().classifier()).hasValueSatisfying(head -> {
            assertThat(head.classes()).isEqualTo(3);
            assertThat(head.width()).isEqualTo(64);
            assertThat(head.isBlock()).isFalse();
        });
        assertThat(describe(settings.withAdapter(settings.adapter().withHeadBlock()))
                        .adapter()
                        .classifier())
                .hasValueSatisfying(head -> assertThat(head.isBlock()).isTrue());
    }

    @Test
    void shouldTakeLabelsThatAreGivenWhereTheBaseNamesNone() {
        TrainerSettings plain = settings.withModel(SHARED.resolve("golden").resolve("model"));
        assumeTrue(Files.isDirectory(plain.model()), plain.model() + " is not here");
        QuestionSettings questions = plain.questions();

        assertThatThrownBy(() -> describe(plain))
                .hasMessageContainingAll("config.json: id2label must be", "0 to 2", "--labels", "got nothing");
        assertThatThrownBy(() -> describe(plain.withQuestions(questions.withLabels(List.of("a", "b")))))
                .hasMessageContaining("--labels must be 3, one a row of the head");
        assertThat(describe(plain.withQuestions(questions.withLabels(List.of("colour", "food", "number"))))
                        .classTokens()
                        .size())
                .isEqualTo(3);
    }

    /** Names that transformers gives, and does not write. */
    @Test
    void shouldNameTheLabelsOfAClassifierThatNamesNoneAsTransformersDoes(@TempDir Path directory) throws IOException {
        for (String name : List.of("tokenizer.json", "tokenizer_config.json", "model.safetensors")) {
            Files.copy(ZOO.resolve("model").resolve(name), directory.resolve(name));
        }
        String config = Files.readString(ZOO.resolve("model/config.json"));
        String unnamed = config.replaceAll("(?s)\"id2label\": [{].*?[}],", "");
        assertThat(unnamed).isNotEqualTo(config);
        ModelConfig shape = ModelConfig.read(ZOO.resolve("model"));

        Files.writeString(directory.resolve("config.json"), unnamed.replace("{\n", "{\n\"num_labels\": 3,"));
        assertThat(SequenceClassifier.read(ZOO.resolve("adapter"), directory, shape, List.of()))
                .hasValueSatisfying(
                        three -> assertThat(three.labels()).containsExactly("LABEL_0", "LABEL_1", "LABEL_2"));
        Files.writeString(directory.resolve("config.json"), unnamed);
        for (String other : List.of("multi_label_classification", "regression")) {
            Files.writeString(
                    directory.resolve("config.json"),
                    config.replace("{\n  \"arch", "{\n  \"problem_type\": \"" + other + "\", \"arch"));
            assertThatThrownBy(() ->
                            SequenceClassifier.read(ZOO.resolve("adapter"), directory, shape, List.of("a", "b", "c")))
                    .hasMessageContaining(
                            "problem_type must be single_label_classification or null, got '" + other + "'");
        }
        Files.writeString(directory.resolve("config.json"), unnamed);
        Path binary = Files.createDirectory(directory.resolve("adapter"));
        Files.copy(ZOO.resolve("adapter/adapter_config.json"), binary.resolve("adapter_config.json"));
        new SafetensorsWriter()
                .add("base_model.model.score.weight", new float[2 * shape.width()], 2, shape.width())
                .write(binary.resolve("adapter_model.safetensors"));
        assertThat(SequenceClassifier.read(binary, directory, shape, List.of()))
                .hasValueSatisfying(two -> assertThat(two.labels()).containsExactly("LABEL_0", "LABEL_1"));
    }

    /** The tokens that the classifier was trained with, also behind its texts. */
    @Test
    void shouldReadTheTokensThatTheTokenizerPutsBehindATextAndMissThoseOfTheAdaptersOwn(@TempDir Path directory)
            throws IOException {
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        Path model = Files.createDirectory(directory.resolve("model"));
        for (String name : List.of("adapter_config.json", "adapter_model.safetensors")) {
            Files.copy(ZOO.resolve("adapter").resolve(name), adapter.resolve(name));
        }
        for (String name : List.of("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")) {
            Files.copy(ZOO.resolve("model").resolve(name), model.resolve(name));
        }
        TrainerSettings own = settings.withModel(model).withAdapter(AdapterSettings.DEFAULT.withFrom(adapter));
        String ending = "{\"add_eos_token\": true, \"eos_token\": \"</s>\"}";
        Files.copy(model.resolve("tokenizer.json"), adapter.resolve("tokenizer.json"));
        Files.writeString(adapter.resolve("tokenizer_config.json"), ending);
        TrainingSet plain = read(settings);

        assertThatThrownBy(() -> read(own))
                .hasMessageContainingAll("of the adapter must make the tokens", "the adapter was trained with its own");
        Files.writeString(model.resolve("tokenizer_config.json"), ending);
        TrainingSet ended = read(own);

        for (int i = 0; i < plain.prompts().size(); i++) {
            long[] ids = plain.prompts().get(i).ids();
            assertThat(ended.prompts().get(i).ids()).startsWith(ids).endsWith(1).hasSize(ids.length + 1);
        }
        assertThat(ended.tokenizerChanges()).isNotEqualTo(plain.tokenizerChanges());
    }

    @Test
    void shouldRefuseABlockOfNoHead() {
        TrainerSettings another = settings.withAdapter(AdapterSettings.DEFAULT.withHeadBlock());
        assertThatThrownBy(() -> TrainedClassifier.read(another, ModelConfig.read(another.model())))
                .hasMessageStartingWith("--head-block must be left out");
    }
}
