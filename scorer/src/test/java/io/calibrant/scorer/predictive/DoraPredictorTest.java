package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.types.DataType;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.scorer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Mean and covariance of the contrasts of a DoRA that PEFT made, against a dense inverse in float64. */
class DoraPredictorTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo");
    private static final int TOKENS = 318;

    @ParameterizedTest
    @CsvSource({"FLOAT64, 1, 1e-8, 1e-9", "FLOAT64, 10, 1e-8, 1e-9", "FLOAT32, 1, 1e-3, 1e-4"})
    void shouldMeetTheStoredContrastsOfADora(String type, int lambda, double tolerance, double meanTolerance) {
        Path adapters = ZOO.resolve("adapters");
        assumeTrue(Files.isDirectory(adapters), adapters + " is not here: reference values not compared");
        Path base = adapters.resolve("base");
        Path dora = adapters.resolve("dora");
        List<Question> questions = QuestionFile.read(ZOO.resolve("questions.jsonl"));
        try (LanguageModel model = LanguageModel.load(base, TestDevice.get(), DataType.valueOf(type));
                PromptTokenizer tokenizer = PromptTokenizer.load(base);
                SafetensorsReader stored = SafetensorsReader.open(dora.resolve("kfac.safetensors"))) {
            PromptEncoder encoder = PromptEncoder.paper(tokenizer, OptionalInt.empty());
            ClassTokens labels = ClassTokens.of(encoder.encode(questions));
            List<EncodedPrompt> prompts = labels.place(encoder.encode(questions));
            try (AdaptedModel adapted = new AdaptedModel(model, Peft.read(dora, model.config(), labels.ids()));
                    Predictor predictor = new Predictor(adapted, posterior(stored, lambda))) {
                List<Predictive> found = predictor.predict(prompts);
                double[] logits = stored.doubles("class_logits");
                double[] covariances = stored.doubles("contrasts.lambda_" + lambda);
                double worst = 0;
                double worstMean = 0;
                for (int i = 0; i < found.size(); i++) {
                    for (int c = 0; c < 3; c++) {
                        double mean = logits[4 * i + c] - logits[4 * i + 3];
                        worstMean = Math.max(worstMean, Math.abs(found.get(i).mean()[c] - mean));
                        for (int e = 0; e < 3; e++) {
                            double scale = Math.sqrt(covariances[9 * i + 4 * c] * covariances[9 * i + 4 * e]);
                            double difference = found.get(i).covariance()[c][e] - covariances[9 * i + 3 * c + e];
                            worst = Math.max(worst, Math.abs(difference) / scale);
                        }
                    }
                }
                System.out.println(String.format(
                        Locale.ROOT,
                        "predictor of a DoRA, %s, lambda %d: covariance off by %.1e, mean by %.1e",
                        type,
                        lambda,
                        worst,
                        worstMean));
                assertThat(found).hasSize(8);
                assertThat(worst).isLessThan(tolerance);
                assertThat(worstMean).isLessThan(meanTolerance);
            }
        }
    }

    private static List<BlockPosterior> posterior(SafetensorsReader stored, double lambda) {
        List<BlockPosterior> blocks = new ArrayList<>();
        for (int layer = 0; layer < 3; layer++) {
            for (String map : List.of("q_proj", "v_proj")) {
                String path = "model.layers." + layer + ".self_attn.";
                for (String matrix : List.of(".lora_A", ".lora_B")) {
                    boolean input = matrix.equals(".lora_A");
                    double[] a = stored.doubles("A." + path + (input ? "q_proj" : map) + matrix);
                    double[] s = stored.doubles("S." + path + map + matrix);
                    blocks.add(BlockPosteriors.of(
                            path + map + matrix,
                            input ? a : s,
                            input ? s : a,
                            Integer.MAX_VALUE,
                            true,
                            TOKENS,
                            lambda));
                }
            }
        }
        return blocks;
    }
}
