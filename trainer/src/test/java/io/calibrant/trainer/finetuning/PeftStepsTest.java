package io.calibrant.trainer.finetuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.Parameter;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.prompts.SpecialTokens;
import io.calibrant.trainer.prompts.TokenizedPrompt;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/**
 * Three steps from adapters of the zoo, against the same steps of PEFT and PyTorch: what make.py beside the reference
 * values wrote.
 */
class PeftStepsTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo");
    private static final Path REFERENCES = Path.of("src/test/resources/io/calibrant/trainer/finetuning/reference");
    private static final int QUESTIONS = 4;
    private static final double RATE = 0.01;

    @Test
    void shouldTrainADoraWithItsMagnitudes() {
        Path adapters = ZOO.resolve("adapters");
        Path base = adapters.resolve("base");
        requireZoo(base);
        SpecialTokens special = SpecialTokens.read(base);
        try (PromptTokenizer tokenizer = PromptTokenizer.load(base);
                LanguageModel model = LanguageModel.load(base, TestDevice.get())) {
            List<TokenizedPrompt> prompts =
                    PromptEncoder.paper(tokenizer, special.eos()).encode(questions(ZOO.resolve("questions.jsonl")));
            ClassTokens classes = ClassTokens.of(prompts);
            Adapter adapter = Peft.read(adapters.resolve("dora"), model.config(), classes.ids());
            assertThat(adapter.isDora()).isTrue();
            check("dora", model, adapter, classes.place(prompts), special.pad());
        }
    }

    @Test
    void shouldTrainAClassifierWithItsHead() {
        Path base = ZOO.resolve("seqcls").resolve("model");
        Path from = ZOO.resolve("seqcls").resolve("adapter");
        requireZoo(base);
        SpecialTokens special = SpecialTokens.read(base);
        try (PromptTokenizer tokenizer = PromptTokenizer.load(base);
                LanguageModel model = LanguageModel.load(base, TestDevice.get())) {
            SequenceClassifier classifier = SequenceClassifier.read(from, base, model.config(), List.of())
                    .orElseThrow();
            List<TokenizedPrompt> prompts = new PromptEncoder(PromptForm.TEXT, tokenizer, special.eos())
                    .ofClassifier(classifier.labels(), SequenceClassifier.pad(base))
                    .encode(questions(ZOO.resolve("seqcls").resolve("train.jsonl")));
            Adapter adapter = Peft.read(from, model.config(), classifier.rows()).withClassifier(classifier.head());
            check(
                    "classifier",
                    model,
                    adapter,
                    ClassTokens.ofRows(classifier.labels()).place(prompts),
                    special.pad());
        }
    }

    private static void requireZoo(Path base) {
        assumeTrue(Files.isDirectory(base), base + " is not here: steps not compared with PEFT's");
    }

    private static List<Question> questions(Path file) {
        return QuestionFile.read(file).subList(0, QUESTIONS);
    }

    private static void check(String name, LanguageModel base, Adapter initial, List<EncodedPrompt> prompts, int pad) {
        try (AdaptedModel model = new AdaptedModel(base, initial);
                SafetensorsReader reference = SafetensorsReader.open(REFERENCES.resolve(name + ".safetensors"))) {
            float[] losses = reference.floats("losses");
            List<Double> found = new ArrayList<>();
            FineTuning.run(
                    model,
                    prompts,
                    pad,
                    new FineTuningSettings(losses.length, QUESTIONS, RATE, 0.01, 0),
                    (step, loss, rate, examples) -> found.add(loss));
            for (int i = 0; i < losses.length; i++) {
                assertThat(found.get(i)).as("loss of step " + (i + 1)).isCloseTo(losses[i], within(1e-4));
            }
            List<Parameter> before = initial.parameters();
            List<Parameter> after = model.weights().snapshot().parameters();
            assertThat(reference.names()).hasSize(after.size() + 1);
            double worst = 0;
            for (int i = 0; i < after.size(); i++) {
                String parameter = after.get(i).name();
                float[] expected = reference.floats(parameter);
                double off = distance(after.get(i).values(), expected)
                        / distance(before.get(i).values(), expected);
                assertThat(off).as(parameter).isLessThan(1e-3);
                worst = Math.max(worst, off);
            }
            System.out.println(String.format(Locale.ROOT, "steps of %s: off by %.1e of their length", name, worst));
        }
    }

    private static double distance(float[] one, float[] other) {
        assertThat(one).hasSameSizeAs(other);
        double sum = 0;
        for (int i = 0; i < one.length; i++) {
            double difference = (double) one[i] - other[i];
            sum += difference * difference;
        }
        return Math.sqrt(sum);
    }
}
