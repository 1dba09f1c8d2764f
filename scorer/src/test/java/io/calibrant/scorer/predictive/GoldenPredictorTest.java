package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.scorer.Contrasts;
import io.calibrant.scorer.Golden;
import io.calibrant.scorer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * From model, adapter and stored factors to mean, covariance and novelty of real questions: the whole production path.
 */
class GoldenPredictorTest {
    private static final ClassTokens LABELS = new ClassTokens(List.of(
            new ClassToken("A", 267), new ClassToken("B", 275), new ClassToken("C", 266), new ClassToken("D", 283)));

    @ParameterizedTest
    @CsvSource({
        "FLOAT64, full, 1e-8, 1e-9", "FLOAT64, rank10_residual, 1e-8, 1e-9",
        "FLOAT32, full, 1e-3, 1e-5", "FLOAT32, rank10_residual, 1e-3, 1e-5"
    })
    void shouldMeetTheStoredCovarianceOfEveryTestQuestion(
            String type, String variant, double tolerance, double noveltyTolerance) {
        Golden stored = Golden.shared("mcq_endtoend");
        double[][][] sigma = stored.cube(variant + ".scalar.Sigma");
        double[][] mu = stored.matrix("mu");
        JsonNode novelty = Golden.json("mcq_novelty").get(variant);

        List<Predictive> found = predict(DataType.valueOf(type), variant, testQuestions(), 8);

        double worst = 0;
        double worstMean = 0;
        double worstNovelty = 0;
        for (int i = 0; i < sigma.length; i++) {
            double[][] expected = Contrasts.covariance(sigma[i]);
            double[][] covariance = found.get(i).covariance();
            double[] mean = Contrasts.mean(mu[i]);
            for (int c = 0; c < 3; c++) {
                worstMean = Math.max(worstMean, Math.abs(found.get(i).mean()[c] - mean[c]));
                for (int e = 0; e < 3; e++) {
                    double scale = Math.sqrt(expected[c][c] * expected[e][e]);
                    worst = Math.max(worst, Math.abs(covariance[c][e] - expected[c][e]) / scale);
                }
            }
            worstNovelty = Math.max(
                    worstNovelty,
                    Math.abs(found.get(i).novelty() - novelty.get(i).asDouble()));
        }
        System.out.println(String.format(
                Locale.ROOT,
                "predictor %s %s: covariance off by %.1e, mean by %.1e, novelty by %.1e",
                type,
                variant,
                worst,
                worstMean,
                worstNovelty));
        assertThat(worst).isLessThan(tolerance);
        assertThat(worstMean).isLessThan("FLOAT64".equals(type) ? 1e-9 : 1e-4);
        assertThat(worstNovelty).isLessThan(noveltyTolerance);
    }

    @Test
    void shouldNotSeeWhoSharesTheBatch() {
        // Other lengths, other numbers of choices, other places: 2 to 4 choices, the question alone first.
        List<Question> questions = new ArrayList<>();
        for (Question question : testQuestions().subList(0, 9)) {
            questions.add(cut(question, 2 + questions.size() % 3));
        }
        List<Predictive> alone = predict(DataType.FLOAT64, "rank10_residual", questions, 1);
        List<Predictive> together = predict(DataType.FLOAT64, "rank10_residual", questions, 9);
        List<Question> backwards = new ArrayList<>(questions);
        Collections.reverse(backwards);
        List<Predictive> reversed = predict(DataType.FLOAT64, "rank10_residual", backwards, 4);
        Collections.reverse(reversed);
        for (int i = 0; i < questions.size(); i++) {
            assertSame(alone.get(i), together.get(i));
            assertSame(alone.get(i), reversed.get(i));
        }
    }

    @Test
    void shouldAnswerToTheBitTheSameInThePapersFormByATemplateOfOnesOwnAndVerbatim() {
        List<Question> questions = testQuestions().subList(0, 6);
        PromptForm own = PromptForm.of("Select one of the choices that answers the following question: {{{question}}}"
                + " Choices: {{#choices}}{{label}}. {{&text}} {{/choices}}Answer:");
        List<Question> verbatim = new ArrayList<>();
        for (Question question : questions) {
            StringBuilder text = new StringBuilder("Select one of the choices that answers the following question: ")
                    .append(question.question())
                    .append(" Choices:");
            question.choices().forEach(choice -> text.append(" " + choice.label() + ". " + choice.text()));
            verbatim.add(new Question(question.id(), null, null, question.choices(), null, text + " Answer:"));
        }
        List<Predictive> paper = predict(DataType.FLOAT32, "rank10_residual", questions, 6);
        for (List<Predictive> same : List.of(
                predict(own, DataType.FLOAT32, "rank10_residual", questions, 6),
                predict(own, DataType.FLOAT32, "rank10_residual", verbatim, 6),
                predict(DataType.FLOAT32, "rank10_residual", verbatim, 6))) {
            for (int i = 0; i < paper.size(); i++) {
                assertThat(same.get(i).mean()).isEqualTo(paper.get(i).mean());
                assertThat(same.get(i).covariance()).isDeepEqualTo(paper.get(i).covariance());
                assertThat(same.get(i).novelty()).isEqualTo(paper.get(i).novelty());
            }
        }
    }

    private static void assertSame(Predictive a, Predictive b) {
        assertThat(b.mean()).hasSameSizeAs(a.mean());
        assertThat(b.novelty()).isEqualTo(a.novelty(), within(1e-10));
        for (int c = 0; c < a.mean().length; c++) {
            assertThat(b.mean()[c]).isEqualTo(a.mean()[c], within(1e-10));
            for (int e = 0; e < a.mean().length; e++) {
                assertThat(b.covariance()[c][e]).isEqualTo(a.covariance()[c][e], within(1e-10 * a.covariance()[c][c]));
            }
        }
    }

    private static Question cut(Question question, int choices) {
        List<Choice> kept = question.choices().subList(0, choices);
        return new Question(question.id(), question.question(), question.context(), kept, null);
    }

    private static List<Question> testQuestions() {
        return QuestionFile.read(Golden.file("data_mcq/test.jsonl"));
    }

    private static List<Predictive> predict(DataType type, String variant, List<Question> questions, int batchSize) {
        return predict(PromptForm.PAPER, type, variant, questions, batchSize);
    }

    private static List<Predictive> predict(
            PromptForm form, DataType type, String variant, List<Question> questions, int batchSize) {
        List<Predictive> found = new ArrayList<>();
        try (LanguageModel model = LanguageModel.load(Golden.file("model"), TestDevice.get(), type);
                PromptTokenizer tokenizer = PromptTokenizer.load(Golden.file("model"));
                AdaptedModel adapted =
                        new AdaptedModel(model, Peft.read(Golden.file("adapter_mcq"), model.config(), LABELS.ids()));
                Predictor predictor = new Predictor(adapted, posterior(variant))) {
            PromptEncoder encoder = new PromptEncoder(form, tokenizer, OptionalInt.empty());
            List<EncodedPrompt> prompts = questions.stream()
                    .map(question -> LABELS.place(encoder.encode(question)))
                    .toList();
            for (int from = 0; from < prompts.size(); from += batchSize) {
                found.addAll(predictor.predict(prompts.subList(from, Math.min(prompts.size(), from + batchSize))));
            }
        }
        return found;
    }

    private static List<BlockPosterior> posterior(String variant) {
        Golden fit = Golden.shared("mcq_fit200");
        double lambda = Golden.json("mcq_endtoend")
                .get(variant + ".scalar")
                .get("lambda_")
                .asDouble();
        List<BlockPosterior> blocks = new ArrayList<>();
        for (String module : GoldenCovarianceTest.modules()) {
            boolean head = module.startsWith("lm_head");
            double[] a = fit.vector((head ? "last" : "expand") + ".A." + module);
            double[] s = fit.vector("expand.S.exact." + module);
            boolean input = module.endsWith("lora_A");
            blocks.add(BlockPosteriors.of(
                    module,
                    input ? a : s,
                    input ? s : a,
                    "full".equals(variant) ? Integer.MAX_VALUE : 10,
                    true,
                    head ? 200 : 8132,
                    lambda));
        }
        return blocks;
    }
}
