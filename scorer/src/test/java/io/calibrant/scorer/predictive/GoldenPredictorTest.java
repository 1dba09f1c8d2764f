package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.familiarity.Familiarity;
import io.calibrant.fitter.familiarity.InputMoment;
import io.calibrant.fitter.familiarity.ScoreCalibration;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.fitter.linalg.SymmetricEigen;
import io.calibrant.scorer.Contrasts;
import io.calibrant.scorer.Golden;
import io.calibrant.scorer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.TokenBatch;
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
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.Set;
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

    /** The same at every tier: it is the forward pass that sees it. */
    @Test
    void shouldMeetTheStoredFamiliarityOfEveryTestQuestion() {
        JsonNode stored = Golden.json("mcq_familiarity").get("rank10");
        List<Predictive> found = new ArrayList<>();
        List<Predictive> ofAll;
        try (LanguageModel model = LanguageModel.load(Golden.file("model"), TestDevice.get(), DataType.FLOAT64);
                PromptTokenizer tokenizer = PromptTokenizer.load(Golden.file("model"));
                AdaptedModel adapted =
                        new AdaptedModel(model, Peft.read(Golden.file("adapter_mcq"), model.config(), LABELS.ids()));
                Predictor map = new Predictor(adapted, List.of(), Set.of(), familiarity());
                Predictor all = new Predictor(adapted, posterior("rank10_residual"), familiarity())) {
            PromptEncoder encoder = new PromptEncoder(PromptForm.PAPER, tokenizer, OptionalInt.empty());
            List<EncodedPrompt> prompts = testQuestions().stream()
                    .map(question -> LABELS.place(encoder.encode(question)))
                    .toList();
            for (int from = 0; from < prompts.size(); from += 7) { // batches of other lengths than the reference's
                found.addAll(map.predict(prompts.subList(from, Math.min(prompts.size(), from + 7))));
            }
            ofAll = all.predict(prompts.subList(3, 6));
        }
        for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i).familiarity().getAsDouble())
                    .isEqualTo(stored.get("score").get("test").get(i).asDouble(), within(1e-8));
        }
        for (int i = 0; i < ofAll.size(); i++) {
            assertThat(ofAll.get(i).familiarity().getAsDouble())
                    .isEqualTo(found.get(3 + i).familiarity().getAsDouble(), within(1e-9));
        }
    }

    /** The fold of the first 160 training questions scores the other 40, and these rank the test questions. */
    @Test
    void shouldMeetTheStoredScoresAndPValuesByTrainingQuestionsLeftOutOfTheFold() {
        JsonNode stored = Golden.json("mcq_familiarity").get("rank10");
        List<double[]> train;
        List<double[]> test;
        try (LanguageModel model = LanguageModel.load(Golden.file("model"), TestDevice.get(), DataType.FLOAT64);
                PromptTokenizer tokenizer = PromptTokenizer.load(Golden.file("model"));
                AdaptedModel adapted =
                        new AdaptedModel(model, Peft.read(Golden.file("adapter_mcq"), model.config(), LABELS.ids()))) {
            PromptEncoder encoder = new PromptEncoder(PromptForm.PAPER, tokenizer, OptionalInt.empty());
            train = lastInputs(adapted, encoder, QuestionFile.read(Golden.file("data_mcq/train.jsonl")));
            test = lastInputs(adapted, encoder, testQuestions());
        }
        double[] moments = new double[3 * 64 * 64];
        for (int i = 0; i < moments.length; i++) {
            int layer = i / (64 * 64);
            for (int q = 0; q < 160; q++) {
                moments[i] += train.get(layer)[q * 64 + i / 64 % 64] * train.get(layer)[q * 64 + i % 64];
            }
        }
        Familiarity fold = familiarity(moments, 160);
        double[] held = new double[40];
        Arrays.setAll(held, i -> fold.score(train, 160 + i));
        ScoreCalibration known = new ScoreCalibration(held);
        for (int i = 0; i < held.length; i++) {
            assertThat(held[i]).isEqualTo(stored.get("held_out_scores").get(i).asDouble(), within(1e-8));
        }
        for (int i = 0; i < 100; i++) {
            assertThat(known.pValue(fold.score(test, i)))
                    .isEqualTo(stored.get("p_by_held_out_training").get(i).asDouble());
        }
    }

    private static List<double[]> lastInputs(AdaptedModel adapted, PromptEncoder encoder, List<Question> questions) {
        List<double[]> layers = new ArrayList<>();
        for (int layer = 0; layer < 3; layer++) {
            layers.add(new double[questions.size() * 64]);
        }
        for (int from = 0; from < questions.size(); from += 20) {
            TokenBatch batch = TokenBatch.leftPadded(
                    questions.subList(from, from + 20).stream()
                            .map(question -> encoder.encode(question).ids())
                            .toList(),
                    0);
            try (Pass pass = adapted.forward(batch, Mode.PLAIN)) {
                for (int layer = 0; layer < 3; layer++) {
                    double[] rows = pass.lastInputs().get(layer).toDoubleArray();
                    System.arraycopy(rows, 0, layers.get(layer), from * 64, rows.length);
                }
            }
        }
        return layers;
    }

    private static Familiarity familiarity() {
        return familiarity(Golden.shared("mcq_familiarity").vector("second_moment"), 200);
    }

    /** Of the second moments of layers 1 and 2, in rank 10; in layer 0 all questions end alike. */
    private static Familiarity familiarity(double[] moments, int questions) {
        List<InputMoment> layers = new ArrayList<>();
        for (int layer = 1; layer < 3; layer++) {
            double[] sum = Arrays.copyOfRange(moments, layer * 64 * 64, (layer + 1) * 64 * 64);
            SymmetricEigen eigen = SymmetricEigen.of(sum, 64);
            double[] columns = new double[10 * 64];
            double trace = 0;
            for (int i = 0; i < columns.length; i++) {
                columns[i] = Math.sqrt(eigen.values()[i / 64]) * eigen.vectors()[i];
            }
            for (int i = 0; i < 64; i++) {
                trace += sum[i * 64 + i];
            }
            layers.add(InputMoment.of(new Columns(64, 10, Rows.of(columns), trace), questions));
        }
        return new Familiarity(List.of(1, 2), layers);
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
