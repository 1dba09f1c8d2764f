package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.settings.AdapterSettings;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.QuestionSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.RunDescription;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

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

    private static RunDescription describe(TrainerSettings settings) {
        ModelConfig config = ModelConfig.read(settings.model());
        TrainingSet set = TrainingSet.read(settings, config, note -> {});
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

    @Test
    void shouldRefuseABlockOfNoHead() {
        TrainerSettings another = settings.withAdapter(AdapterSettings.DEFAULT.withHeadBlock());
        assertThatThrownBy(() -> TrainedClassifier.read(another, ModelConfig.read(another.model())))
                .hasMessageStartingWith("--head-block must be left out");
    }
}
