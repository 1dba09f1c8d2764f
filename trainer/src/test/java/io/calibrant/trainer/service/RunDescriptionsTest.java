package io.calibrant.trainer.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.trainer.TinyDirectory;
import io.calibrant.trainer.TinyQuestions;
import io.calibrant.trainer.TinyRun;
import io.calibrant.trainer.digest.ModelDigest;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseQuantization;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.prompts.LabelTokens;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.StreamingSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.RowType;
import io.calibrant.trainer.statistics.RunDescription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunDescriptionsTest {
    @TempDir
    Path directory;

    private TrainerSettings settings;

    @BeforeEach
    void write() throws IOException {
        settings = TrainerSettings.of(
                "r",
                TinyDirectory.write(directory.resolve("model"), 1),
                TinyQuestions.write(directory.resolve("q.jsonl"), TinyRun.questions(8)));
    }

    @Test
    void shouldDescribeWhatDecidesWhatIsTrainedAndSent() {
        RunDescription run = describe(settings);

        assertThat(run.runId()).isEqualTo("r");
        assertThat(run.modelId()).isEqualTo("model");
        assertThat(run.prompt().template()).isEqualTo(PromptForm.PAPER.template());
        assertThat(run.trainingQuestions()).isEqualTo(8);
        assertThat(run.settings())
                .containsEntry("steps", "400")
                .containsEntry("batchSize", "4")
                .containsEntry("learningRate", "5.0E-5")
                .containsEntry("weightDecay", "0.01")
                .containsEntry("halfLife", "none")
                .containsEntry("statisticsType", "F32")
                .containsEntry("validationQuestions", "0");
    }

    @Test
    void shouldDescribeARunTheSameAgainAndOtherSettingsOtherwise() {
        RunDescription run = describe(settings);

        assertThat(describe(settings).settings()).isEqualTo(run.settings());
        assertThat(describe(settings.withSeed(1)).settings().get("adapterDigest"))
                .as("another adapter to start from")
                .isNotEqualTo(run.settings().get("adapterDigest"));
        assertThat(describe(settings.withOptimisation(OptimisationSettings.DEFAULT.withSteps(3)))
                        .settings())
                .containsEntry("steps", "3");
        assertThat(describe(settings.withStreaming(new StreamingSettings(2, OptionalDouble.of(10), 3, RowType.BF16, 1)))
                        .settings())
                .containsEntry("statisticsEvery", "2")
                .containsEntry("halfLife", "10.0")
                .containsEntry("batchesPerRecord", "3")
                .containsEntry("statisticsType", "BF16");
    }

    /** Records from before there was a choice stay those of the same run. */
    @Test
    void shouldDescribeTheNumbersOfTheBaseModelWhereTheyAreNotThoseOfItsFiles() {
        assertThat(describe(settings).settings()).doesNotContainKeys("baseDtype", "baseQuantization");
        BaseFormat format = new BaseFormat(BaseType.BF16, BaseQuantization.NF4);
        RunDescription run = describe(settings.withBase(format));
        assertThat(run.settings()).containsEntry("baseDtype", "BF16").containsEntry("baseQuantization", "nf4");
        assertThat(BaseFormat.of(run.settings())).isEqualTo(format);
        assertThat(BaseFormat.of(describe(settings).settings())).isEqualTo(BaseFormat.F32);
    }

    /** Whether a prompt names the end of sequence decides the digest, and no scorer can tell it from the labels. */
    @ParameterizedTest
    @CsvSource({"A B, '', false", "True False, '', true", "True False, prompt, false", "True False A, '', false"})
    void shouldSayWhetherAPromptNamesTheEndOfSequence(String labels, String prompt, boolean named) throws IOException {
        Path model = settings.model();
        Path config = model.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("\"eos_token_id\": 1", "\"eos_token_id\": [2, 1]"));
        Files.writeString(model.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
        List<String> names = List.of(labels.split(" ", -1));
        String choices = names.stream()
                .map(label -> "{\"label\": \"" + label + "\", \"text\": \"\"}")
                .collect(Collectors.joining(", ", "\"choices\": [", "]"));
        Files.writeString(
                settings.questions().file(),
                "{\"id\": \"1\", \"question\": \"Is it?\", " + choices + ", \"answer\": \"" + names.get(0) + "\""
                        + (prompt.isEmpty() ? "" : ", \"prompt\": \"Is it? Answer:\"") + "}\n");

        RunDescription run = describe(settings.withQuestions(
                settings.questions().withPrompt(PromptForm.PAPER.withLabelTokens(LabelTokens.FIRST))));

        assertThat(run.settings()).containsEntry(PromptForm.NAMES_END, Boolean.toString(named));
        assertThat(run.modelDigest().equals(ModelDigest.of(model)))
                .as("the digest of the files alone")
                .isEqualTo(!named);
    }

    private static RunDescription describe(TrainerSettings settings) {
        ModelConfig config = ModelConfig.read(settings.model());
        TrainingSet set = TrainingSet.read(settings, config, note -> {});
        Adapter adapter = Adapter.initialise(
                config, settings.adapter().lora(), set.classTokens().ids(), settings.seed());
        return RunDescriptions.describe(settings, adapter, set);
    }
}
