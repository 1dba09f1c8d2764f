package io.calibrant.trainer.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.prompts.SpecialTokens;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** The factors of a DoRA that PEFT made, from question file to Kronecker sums, against float64 references. */
class DoraCurvatureTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo");
    private static final double TOLERANCE = 1e-4;

    @Test
    void shouldSumUpToTheStoredFactorsOfADora() {
        Path adapters = ZOO.resolve("adapters");
        assumeTrue(Files.isDirectory(adapters), adapters + " is not here: reference values not compared");
        Path base = adapters.resolve("base");
        List<Question> questions = QuestionFile.read(ZOO.resolve("questions.jsonl"));
        SpecialTokens special = SpecialTokens.read(base);
        try (PromptTokenizer tokenizer = PromptTokenizer.load(base);
                LanguageModel llama = LanguageModel.load(base, TestDevice.get());
                SafetensorsReader stored =
                        SafetensorsReader.open(adapters.resolve("dora").resolve("kfac.safetensors"))) {
            PromptEncoder encoder = PromptEncoder.paper(tokenizer, special.eos());
            ClassTokens classes = ClassTokens.of(encoder.encode(questions));
            List<EncodedPrompt> prompts = classes.place(encoder.encode(questions));
            try (AdaptedModel model =
                    new AdaptedModel(llama, Peft.read(adapters.resolve("dora"), llama.config(), classes.ids()))) {
                KfacEstimator estimator =
                        new KfacEstimator(KfacApproximation.EXPAND, FisherType.EXACT, null, "dora", 0);
                Sums sums = new Sums();
                for (int from = 0; from < prompts.size(); from += 4) {
                    sums.add(estimator.measure(model, prompts.subList(from, from + 4), special.pad(), from));
                }
                assertThat(sums.blocks).hasSize(12);
                double worst = 0;
                for (String block : sums.blocks.keySet()) {
                    // q and v read the same
                    String input = block.replace("v_proj.lora_A", "q_proj.lora_A");
                    double inputs = Sums.distance(sums.inputs(block), stored.doubles("A." + input));
                    double gradients = Sums.distance(sums.gradients(block), stored.doubles("S." + block));
                    assertThat(inputs).as(block + " A").isLessThan(TOLERANCE);
                    assertThat(gradients).as(block + " S").isLessThan(TOLERANCE);
                    worst = Math.max(worst, Math.max(inputs, gradients));
                    assertThat(sums.blocks.get(block).n).isEqualTo(318, within(0.0));
                }
                System.out.println(String.format(Locale.ROOT, "factors of a DoRA: off by %.1e", worst));
            }
        }
    }
}
