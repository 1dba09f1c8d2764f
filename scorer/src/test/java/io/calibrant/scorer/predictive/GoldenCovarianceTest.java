package io.calibrant.scorer.predictive;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.evidence.BlockPosterior;
import io.calibrant.scorer.Golden;
import io.calibrant.scorer.TestDevice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Covariance and novelty by the production code in float64, from stored Jacobians and factors. */
class GoldenCovarianceTest {
    private static final int QUESTIONS = 16;
    private static final int CLASSES = 4;
    private static final double TOKENS = 1318;
    private static final double EXAMPLES = 32;

    @ParameterizedTest
    @CsvSource({
        "expand_full",
        "expand_rank10",
        "expand_headlast_full",
        "expand_headlast_rank10",
        "authors_full",
        "authors_rank10"
    })
    void shouldMeetTheStoredCovarianceAtEveryPrior(String variant) {
        Golden factors = Golden.shared("mcq_kfac");
        Golden stored = Golden.shared("mcq_predict");
        double star = Golden.json("mcq_golden")
                .get("lml")
                .get("expand_full")
                .get("lambda_star")
                .asDouble();
        int rank = variant.endsWith("_full") ? Integer.MAX_VALUE : 10;
        Map<String, Double> lambdas = Map.of("1", 1.0, "star", star, "100", 100.0, "10000", 1e4);
        Map<String, ContrastGrams> sums = new HashMap<>();
        for (String module : modules()) {
            boolean headLast = module.startsWith("lm_head")
                    && !variant.startsWith("expand_full")
                    && !variant.startsWith("expand_rank10");
            double[] a = factors.vector((headLast ? "last" : "expand") + ".A." + module);
            double[] s = factors.vector("expand.S.exact." + module);
            double n = headLast || variant.startsWith("authors") ? EXAMPLES : TOKENS;
            boolean input = module.endsWith("lora_A");
            BlockPosterior p = BlockPosteriors.of(module, input ? a : s, input ? s : a, rank, false, n, 1);
            lambdas.forEach((name, lambda) -> add(
                    stored,
                    new BlockPosterior(module, p.dimension(), p.w(), p.u(), p.residual(), p.s(), p.q(), n, lambda),
                    sums.computeIfAbsent(name, key -> new ContrastGrams(QUESTIONS, CLASSES))));
        }
        for (String lambda : lambdas.keySet()) {
            double[][][] expected = stored.cube("Sigma." + variant + ".lambda_" + lambda);
            double worst = 0;
            for (int b = 0; b < QUESTIONS; b++) {
                // Logits instead of contrasts: the same sums, one class more.
                double[][] sigma =
                        sums.get(lambda).predictive(b, new double[CLASSES]).covariance();
                for (int i = 0; i < CLASSES; i++) {
                    for (int j = 0; j < CLASSES; j++) {
                        worst = Math.max(
                                worst,
                                Math.abs(sigma[i][j] - expected[b][i][j])
                                        / Math.sqrt(expected[b][i][i] * expected[b][j][j]));
                    }
                }
            }
            System.out.println(String.format(
                    Locale.ROOT, "covariance %s, lambda %s: worst relative error %.1e", variant, lambda, worst));
            assertThat(worst).as(variant + " " + lambda).isLessThan(1e-8);
        }
    }

    @Test
    void shouldMeetTheStoredNovelty() {
        Golden fit = Golden.shared("mcq_fit200");
        Golden stored = Golden.shared("mcq_predict");
        JsonNode novelty = Golden.json("mcq_novelty");
        JsonNode endToEnd = Golden.json("mcq_endtoend");
        for (String variant : List.of("full", "rank10_residual")) {
            double lambda = endToEnd.get(variant + ".scalar").get("lambda_").asDouble();
            ContrastGrams grams = new ContrastGrams(QUESTIONS, CLASSES - 1);
            for (String module : modules()) {
                boolean head = module.startsWith("lm_head");
                double[] a = fit.vector((head ? "last" : "expand") + ".A." + module);
                double[] s = fit.vector("expand.S.exact." + module);
                boolean input = module.endsWith("lora_A");
                BlockPosterior posterior = BlockPosteriors.of(
                        module,
                        input ? a : s,
                        input ? s : a,
                        "full".equals(variant) ? Integer.MAX_VALUE : 10,
                        true,
                        head ? 200 : 8132,
                        lambda);
                addContrasts(stored, posterior, grams);
            }
            double worst = 0;
            for (int b = 0; b < QUESTIONS; b++) {
                double found = grams.predictive(b, new double[CLASSES - 1]).novelty();
                worst = Math.max(
                        worst, Math.abs(found - novelty.get(variant).get(b).asDouble()));
            }
            System.out.println(String.format(Locale.ROOT, "novelty %s: worst error %.1e", variant, worst));
            assertThat(worst).isLessThan(1e-8);
        }
    }

    private static void add(Golden stored, BlockPosterior posterior, ContrastGrams grams) {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get());
                BlockProjection projection = new BlockProjection(manager, DataType.FLOAT64, posterior)) {
            projection.add(jacobian(manager, stored, posterior.block()), grams);
        }
    }

    private static void addContrasts(Golden stored, BlockPosterior posterior, ContrastGrams grams) {
        try (NDManager manager = NDManager.newBaseManager(TestDevice.get());
                BlockProjection projection = new BlockProjection(manager, DataType.FLOAT64, posterior)) {
            NDArray j = jacobian(manager, stored, posterior.block());
            NDArray last = j.get(":, 3:4");
            projection.add(j.get(":, 0:3").sub(last), grams);
        }
    }

    /** [16, 4, r, d] from the stored layout of the weight. */
    private static NDArray jacobian(NDManager manager, Golden stored, String module) {
        int[] shape = stored.shape("J." + module);
        NDArray j = manager.create(stored.vector("J." + module), new Shape(shape[0], shape[1], shape[2], shape[3]));
        return module.endsWith("lora_A") ? j : j.transpose(0, 1, 3, 2);
    }

    static List<String> modules() {
        List<String> modules = new ArrayList<>();
        for (JsonNode module : Golden.json("mcq_golden").get("modules")) {
            modules.add(module.asText());
        }
        return modules;
    }
}
