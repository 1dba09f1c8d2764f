package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.link.Link;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.scorer.Golden;
import io.calibrant.scorer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.FactorRows;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.BaseType;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.PromptEncoder;
import io.calibrant.trainer.prompts.PromptTokenizer;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What --statistics-dtype BF16 does to the prior precision and to the answers: the whole curvature pass of the golden
 * model, its rows on the wire in F32 and in BF16, each folded, each answering the 100 test questions.
 */
class Bfloat16GoldenTest {
    private static final int BATCH = 4;
    private static final int CLASSES = 4;
    private static final int RANK = 10;

    /** What rounding to eight significant bits moves a number by at most, as a share of it. */
    private static final double ROUNDING = 0x1p-9;

    private static final ClassTokens LABELS = new ClassTokens(List.of(
            new ClassToken("A", 267), new ClassToken("B", 275), new ClassToken("C", 266), new ClassToken("D", 283)));

    /** How rows go over the wire. */
    private interface Wire {
        Tensor tensor(float[] values, int... shape);
    }

    private record Fitted(double lambda, double logEvidence, List<Predictive> answers) {}

    /** The pass of the model as it is at rank 10, and what it gives, for all tests: each takes seconds. */
    private static List<BatchCurvature> passInF32;

    private static Fitted inF32;

    @AfterAll
    static void forget() {
        passInF32 = null;
        inF32 = null;
    }

    @ParameterizedTest
    @ValueSource(ints = {RANK, 0})
    void shouldHardlyMoveLambdaAndNoAnswer(int rank) {
        Integer kept = rank == 0 ? null : rank;
        try (LanguageModel llama = LanguageModel.load(Golden.file("model"), TestDevice.get());
                PromptTokenizer tokenizer = PromptTokenizer.load(Golden.file("model"))) {
            Adapter adapter = Peft.read(Golden.file("adapter_mcq"), llama.config(), LABELS.ids());
            try (AdaptedModel model = new AdaptedModel(llama, adapter)) {
                if (rank == RANK && inF32 == null) {
                    measureInF32();
                }
                List<BatchCurvature> pass = rank == RANK ? passInF32 : pass(model, prompts("train", tokenizer), kept);
                List<EncodedPrompt> test = prompts("test", tokenizer);
                Fitted exact = rank == RANK ? inF32 : fit(model, adapter, pass, kept, test, Tensors::of);
                Fitted rounded = fit(model, adapter, pass, kept, test, Tensors::bfloat16);

                double lambda = rounded.lambda / exact.lambda - 1;
                double worst = 0;
                double variance = 0;
                Link link = Link.monteCarlo();
                for (int i = 0; i < test.size(); i++) {
                    Predictive a = exact.answers.get(i);
                    Predictive b = rounded.answers.get(i);
                    double[] p = link.predict(a.mean(), a.covariance()).probabilities();
                    double[] q = link.predict(b.mean(), b.covariance()).probabilities();
                    for (int c = 0; c < CLASSES; c++) {
                        worst = Math.max(worst, Math.abs(p[c] - q[c]));
                    }
                    for (int c = 0; c < CLASSES - 1; c++) {
                        variance = Math.max(variance, Math.abs(b.covariance()[c][c] / a.covariance()[c][c] - 1));
                    }
                }
                System.out.println(String.format(
                        Locale.ROOT,
                        "BF16 on the wire, %s: lambda %.5f to %.5f (%+.1e), log evidence %.4f to %.4f, variances by up"
                                + " to %.1e, probabilities by up to %.1e",
                        kept == null ? "full" : "rank " + kept,
                        exact.lambda,
                        rounded.lambda,
                        lambda,
                        exact.logEvidence,
                        rounded.logEvidence,
                        variance,
                        worst));
                // An eigenvalue is a square, so that it moves by twice the rounding where all errors point one way;
                // lambda
                // moves less than the eigenvalues do: d log lambda / d log mu is at most 1 and 0 for mu far from
                // lambda.
                assertThat(Math.abs(lambda)).isPositive().isLessThan(2 * ROUNDING);
                // A variance is 1 / (mu + lambda): by as much. A probability moves by less than a quarter of that: its
                // derivative by the log of the variance is at most .25 (a logistic's, p (1 - p)).
                assertThat(variance).isLessThan(2 * ROUNDING);
                assertThat(worst).isLessThan(2 * ROUNDING / 4);
            }
        }
    }

    /** What --base-dtype does, from the curvature pass to the answers. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "F32")
    void shouldHardlyMoveLambdaAndNoAnswerWithABaseModelInTwoBytes(BaseType type) {
        if (inF32 == null) {
            measureInF32();
        }
        Fitted exact = inF32;
        Fitted rounded = measure(BaseFormat.F32.withType(type)).fitted;
        double moved = rounded.lambda / exact.lambda - 1;
        double exactNll = nll(exact);
        double roundedNll = nll(rounded);

        System.out.println(String.format(
                Locale.ROOT,
                "Base model in %s: lambda %.5f to %.5f (%+.1e), NLL of 100 answers %.5f to %.5f",
                type,
                exact.lambda,
                rounded.lambda,
                moved,
                exactNll,
                roundedNll));
        // Weights move by 2^-9 or 2^-12 of themselves at most, each in its own direction; what adds up over four layers
        // is a few of these.
        double rounding = type == BaseType.BF16 ? 0x1p-9 : 0x1p-12;
        assertThat(Math.abs(moved)).isPositive().isLessThan(8 * rounding);
        assertThat(Math.abs(roundedNll - exactNll)).isPositive().isLessThan(4 * rounding);
    }

    private record Measured(List<BatchCurvature> pass, Fitted fitted) {}

    private static void measureInF32() {
        Measured measured = measure(BaseFormat.F32);
        passInF32 = measured.pass;
        inF32 = measured.fitted;
    }

    private static Measured measure(BaseFormat format) {
        try (LanguageModel llama = LanguageModel.load(Golden.file("model"), TestDevice.get(), format);
                PromptTokenizer tokenizer = PromptTokenizer.load(Golden.file("model"))) {
            Adapter adapter = Peft.read(Golden.file("adapter_mcq"), llama.config(), LABELS.ids());
            try (AdaptedModel model = new AdaptedModel(llama, adapter)) {
                List<BatchCurvature> pass = pass(model, prompts("train", tokenizer), RANK);
                return new Measured(pass, fit(model, adapter, pass, RANK, prompts("test", tokenizer), Tensors::of));
            }
        }
    }
    /** Of the 100 test questions. */
    private static double nll(Fitted fitted) {
        List<Question> test = questions("test");
        Link link = Link.monteCarlo();
        double nll = 0;
        for (int i = 0; i < test.size(); i++) {
            Predictive answer = fitted.answers.get(i);
            int right = test.get(i).answerIndex().orElseThrow();
            nll -= Math.log(link.predict(answer.mean(), answer.covariance()).probabilities()[right]);
        }
        return nll / test.size();
    }

    private static List<Question> questions(String split) {
        return QuestionFile.read(Golden.file("data_mcq/" + split + ".jsonl"));
    }

    private static List<EncodedPrompt> prompts(String split, PromptTokenizer tokenizer) {
        PromptEncoder encoder = PromptEncoder.paper(tokenizer, OptionalInt.empty());
        return questions(split).stream()
                .map(question -> LABELS.place(encoder.encode(question)))
                .toList();
    }

    private static List<BatchCurvature> pass(AdaptedModel model, List<EncodedPrompt> prompts, Integer rank) {
        KfacEstimator curvature = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EXACT, rank, "golden", 0);
        List<BatchCurvature> batches = new ArrayList<>();
        for (int from = 0; from < prompts.size(); from += BATCH) {
            batches.add(curvature.measure(model, prompts.subList(from, from + BATCH), 2, from / BATCH));
        }
        return batches;
    }

    private static Fitted fit(
            AdaptedModel model,
            Adapter adapter,
            List<BatchCurvature> pass,
            Integer rank,
            List<EncodedPrompt> test,
            Wire wire) {
        Map<String, KroneckerFactor> factors = new LinkedHashMap<>();
        double logLikelihood = 0;
        for (BatchCurvature batch : pass) {
            logLikelihood += batch.logLikelihood();
            for (BlockStatistics block : batch.blocks()) {
                FactorRows rows = block.rows();
                KroneckerFactor before = factors.getOrDefault(
                        block.block(),
                        KroneckerFactor.empty(rows.width(), block.smallWidth(), rank, Compression.TRUNCATE));
                BatchSums sums = new BatchSums(
                        io.calibrant.fitter.linalg.Rows.of(
                                Tensors.doubles(wire.tensor(rows.values(), rows.count(), rows.width()))),
                        rows.count(),
                        rows.trace(),
                        block.small(),
                        block.n(),
                        batch.examples(),
                        batch.logLikelihood());
                factors.put(block.block(), before.fold(sums, 1));
            }
        }
        Map<String, Double> norms = squaredNorms(adapter);
        List<BlockSpectrum> spectra = new ArrayList<>();
        factors.forEach((block, factor) -> spectra.add(BlockSpectrum.of(
                block, factor.large().spectrum(), true, factor.smallSpectrum(), factor.n(), norms.get(block))));
        Evidence.Optimum optimum = new Evidence(spectra, logLikelihood).maximise(PriorStructure.SCALAR);
        double lambda = optimum.lambdas()[0];
        List<BlockPosterior> posterior = new ArrayList<>();
        factors.forEach((block, factor) -> posterior.add(BlockPosterior.of(block, factor, true, lambda)));
        try (Predictor predictor = new Predictor(model, posterior)) {
            return new Fitted(lambda, optimum.logEvidence(), predictor.predict(test));
        }
    }

    private static Map<String, Double> squaredNorms(Adapter adapter) {
        Map<String, Double> norms = new LinkedHashMap<>();
        adapter.matrices().forEach((path, matrices) -> {
            norms.put(path + ".lora_A", squares(matrices.a()));
            norms.put(path + ".lora_B", squares(matrices.b()));
        });
        return norms;
    }

    private static double squares(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return sum;
    }
}
