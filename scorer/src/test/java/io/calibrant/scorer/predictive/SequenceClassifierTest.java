package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.BatchSums;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.KroneckerFactor;
import io.calibrant.fitter.linalg.Rows;
import io.calibrant.scorer.TestDevice;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.curvature.BatchCurvature;
import io.calibrant.trainer.curvature.BlockStatistics;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.curvature.KfacEstimator;
import io.calibrant.trainer.lora.ClassifierHead;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.lora.SequenceClassifier;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.prompts.EncodedPrompt;
import io.calibrant.trainer.prompts.Question;
import io.calibrant.trainer.prompts.QuestionFile;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A sequence classifier the whole way in one process: the trainer's statistics, the fitter's folds and evidence, the
 * scorer's contrasts, in float32, without and with its head as a block, against stored float64 values.
 */
class SequenceClassifierTest {
    private static final Path ZOO = Path.of("..", "..", "shared", "zoo", "seqcls");
    private static final int[] CLASSES = {0, 1, 2};
    private static final int BATCH = 8;

    @ParameterizedTest
    @ValueSource(strings = {"lora", "lora_and_head"})
    void shouldGiveTheStoredEvidenceAndContrasts(String fit) throws IOException {
        assumeTrue(Files.isDirectory(ZOO), ZOO + " is not here: reference values not compared");
        JsonNode reference = new JsonMapper().readTree(ZOO.resolve("ref.json").toFile());
        JsonNode expected = reference.path("fits").path(fit);
        Path base = ZOO.resolve("model");
        Path directory = ZOO.resolve("adapter");
        try (LanguageModel model = LanguageModel.load(base, TestDevice.get());
                SafetensorsReader stored = SafetensorsReader.open(ZOO.resolve("ref.safetensors"))) {
            SequenceClassifier classifier = SequenceClassifier.read(directory, base, model.config(), List.of())
                    .orElseThrow();
            ClassifierHead head =
                    fit.equals("lora") ? classifier.head() : classifier.head().asBlock();
            try (AdaptedModel adapted = new AdaptedModel(
                    model, Peft.read(directory, model.config(), CLASSES).withClassifier(head))) {
                Map<String, KroneckerFactor> factors =
                        folded(adapted, prompts("train", reference.path("train_ids"), classifier.labels()));
                assertThat(factors.keySet()).hasSize(expected.path("blocks").size());
                Evidence.Optimum found = evidence(factors, reference).maximise(PriorStructure.SCALAR);

                System.out.printf(
                        "sequence classifier, %s: lambda %.6f, log evidence %.5f, effective parameters %.4f%n",
                        fit, found.lambdas()[0], found.logEvidence(), found.effectiveParameters());
                double star = expected.path("lambda_star").asDouble();
                assertThat(found.lambdas()[0]).isCloseTo(star, within(1e-3 * star));
                double evidence = expected.path("log_evidence_at_star").asDouble();
                assertThat(found.logEvidence()).isCloseTo(evidence, within(-1e-3 * evidence));
                assertThat(found.effectiveParameters())
                        .isCloseTo(expected.path("effective_parameters_at_star").asDouble(), within(0.08));

                List<EncodedPrompt> test = prompts("test", reference.path("prompt_ids"), classifier.labels());
                Map<String, Double> lambdas = Map.of("1", 1.0, "star", found.lambdas()[0], "100", 100.0);
                for (Map.Entry<String, Double> lambda : lambdas.entrySet()) {
                    double[] contrasts = stored.doubles(fit + ".contrasts.lambda_" + lambda.getKey());
                    compare(adapted, factors, lambda.getValue(), test, contrasts);
                }
            }
        }
    }

    private static void compare(
            AdaptedModel adapted,
            Map<String, KroneckerFactor> factors,
            double lambda,
            List<EncodedPrompt> prompts,
            double[] contrasts) {
        List<BlockPosterior> posterior = factors.entrySet().stream()
                .map(each -> BlockPosterior.of(each.getKey(), each.getValue(), true, lambda))
                .toList();
        double worst = 0;
        try (Predictor predictor = new Predictor(adapted, posterior)) {
            List<Predictive> found = predictor.measure(prompts);
            assertThat(contrasts).hasSize(4 * found.size());
            for (int i = 0; i < found.size(); i++) {
                assertThat(found.get(i).projections()).hasSameSizeAs(posterior);
                for (int c = 0; c < 4; c++) {
                    double scale = Math.sqrt(contrasts[4 * i] * contrasts[4 * i + 3]);
                    double difference = found.get(i).covariance()[c / 2][c % 2] - contrasts[4 * i + c];
                    worst = Math.max(worst, Math.abs(difference) / scale);
                }
            }
            System.out.printf("sequence classifier, lambda %.4f: contrasts off by %.1e%n", lambda, worst);
            assertThat(worst).isLessThan(1e-3);
        }
    }

    private static Map<String, KroneckerFactor> folded(AdaptedModel adapted, List<EncodedPrompt> prompts) {
        KfacEstimator estimator = new KfacEstimator(KfacApproximation.EXPAND, FisherType.EXACT, null, "topics", 0);
        Map<String, KroneckerFactor> factors = new LinkedHashMap<>();
        for (int start = 0; start < prompts.size(); start += BATCH) {
            BatchCurvature measured = estimator.measure(
                    adapted, prompts.subList(start, Math.min(start + BATCH, prompts.size())), 2, start / BATCH);
            for (BlockStatistics block : measured.blocks()) {
                factors.merge(
                        block.block(),
                        KroneckerFactor.empty(block.rows().width(), block.smallWidth(), null, Compression.TRUNCATE)
                                .fold(sums(block, measured), 1),
                        (before, first) -> before.fold(sums(block, measured), 1));
            }
        }
        return factors;
    }

    static BatchSums sums(BlockStatistics block, BatchCurvature measured) {
        double[] rows = new double[block.rows().values().length];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = block.rows().values()[i];
        }
        return new BatchSums(
                Rows.of(rows),
                block.rows().count(),
                block.rows().trace(),
                block.small(),
                block.n(),
                measured.examples(),
                measured.logLikelihood());
    }

    private static Evidence evidence(Map<String, KroneckerFactor> factors, JsonNode reference) {
        List<BlockSpectrum> spectra = new ArrayList<>();
        factors.forEach((block, factor) -> spectra.add(BlockSpectrum.of(
                block,
                factor.large().spectrum(),
                true,
                factor.smallSpectrum(),
                factor.n(),
                reference.path("theta_sq").path(block).asDouble())));
        return new Evidence(spectra, factors.values().iterator().next().logLikelihood());
    }

    private static List<EncodedPrompt> prompts(String file, JsonNode ids, List<String> labels) {
        List<Question> questions = QuestionFile.read(ZOO.resolve(file + ".jsonl"));
        List<EncodedPrompt> prompts = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            long[] tokens = StreamSupport.stream(ids.path(i).spliterator(), false)
                    .mapToLong(JsonNode::asLong)
                    .toArray();
            prompts.add(new EncodedPrompt(questions.get(i).orChoicesOf(labels), tokens, CLASSES));
        }
        return prompts;
    }
}
