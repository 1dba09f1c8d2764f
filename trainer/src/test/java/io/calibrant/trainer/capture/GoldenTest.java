package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The independent float64 references beside the project, where they are: every real part, against Python's PEFT. */
class GoldenTest {

    private static final Path GOLDEN = Path.of("../../shared/golden");

    private static LanguageModel model;
    private static AdaptedModel adapted;
    private static SafetensorsReader inputs;
    private static SafetensorsReader batch0;
    private static double scaling;

    @BeforeAll
    static void open() throws IOException {
        assumeTrue(Files.isDirectory(GOLDEN), "reference data is not beside this checkout: " + GOLDEN);
        JsonNode index =
                new JsonMapper().readTree(GOLDEN.resolve("mcq_golden.json").toFile());
        JsonNode ids = index.path("class_token_ids");
        int[] classTokens = new int[ids.size()];
        for (int i = 0; i < classTokens.length; i++) {
            classTokens[i] = ids.get(i).asInt();
        }
        Path directory = GOLDEN.resolve("model");
        model = LanguageModel.load(directory, TestDevice.get());
        Adapter adapter = Peft.read(GOLDEN.resolve("adapter_mcq"), ModelConfig.read(directory), classTokens);
        scaling = adapter.settings().scaling();
        adapted = new AdaptedModel(model, adapter);
        inputs = SafetensorsReader.open(GOLDEN.resolve("mcq_inputs.safetensors"));
        batch0 = SafetensorsReader.open(GOLDEN.resolve("mcq_batch0.safetensors"));
    }

    @AfterAll
    static void close() {
        if (model != null) {
            batch0.close();
            inputs.close();
            adapted.close();
            model.close();
        }
    }

    private static TokenBatch batch(String split, int index) {
        String name = split + ".b" + index + ".";
        int size = inputs.entry(name + "input_ids").shape().get(0).intValue();
        int tokens = inputs.entry(name + "input_ids").shape().get(1).intValue();
        long[] flat = inputs.longs(name + "input_ids");
        long[] mask = inputs.longs(name + "attention_mask");
        long[][] ids = new long[size][tokens];
        boolean[][] real = new boolean[size][tokens];
        for (int i = 0; i < flat.length; i++) {
            ids[i / tokens][i % tokens] = flat[i];
            real[i / tokens][i % tokens] = mask[i] == 1;
        }
        return TokenBatch.of(ids, real);
    }

    @Test
    void shouldGiveTheClassLogitsOfAllStoredQuestions() {
        for (String split : new String[] {"train", "test"}) {
            float[] expected = inputs.floats(split + ".map_logits_hf_f32");
            double[] exact = inputs.doubles(split + ".map_logits_f64");
            int at = 0;
            for (int b = 0; inputs.contains(split + ".b" + b + ".input_ids"); b++) {
                try (Pass pass = adapted.forward(batch(split, b), Mode.PLAIN)) {
                    for (float logit : pass.logits().toFloatArray()) {
                        assertThat((double) logit).isCloseTo(expected[at], within(1e-4));
                        assertThat((double) logit).isCloseTo(exact[at], within(1e-4));
                        at++;
                    }
                }
            }
            assertThat(at).isEqualTo(expected.length).isEqualTo(split.equals("train") ? 128 : 64);
        }
    }

    private static org.assertj.core.data.Offset<Double> within(double tolerance) {
        return org.assertj.core.data.Offset.offset(tolerance);
    }

    private static NDArray lossCotangent(Pass pass) {
        double[] z = toDoubles(pass.logits());
        long[] labels = inputs.longs("train.labels");
        int size = pass.batch().size();
        int classes = z.length / size;
        double[] d = new double[z.length];
        for (int b = 0; b < size; b++) {
            double sum = 0;
            for (int c = 0; c < classes; c++) {
                sum += Math.exp(z[b * classes + c]);
            }
            for (int c = 0; c < classes; c++) {
                d[b * classes + c] = (Math.exp(z[b * classes + c]) / sum - (labels[b] == c ? 1 : 0)) / size;
            }
        }
        return Constants.array(pass.manager(), d, new Shape(size, classes), model.dataType());
    }

    private static double[] toDoubles(NDArray array) {
        float[] narrow = array.toFloatArray();
        double[] wide = new double[narrow.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = narrow[i];
        }
        return wide;
    }

    @Test
    void shouldGiveTheLoraGradientsOfTheFirstBatch() {
        try (Pass pass = adapted.forward(batch("train", 0), Mode.TRAINING)) {
            pass.backward(lossCotangent(pass), false);
            adapted.weights().pairs().forEach((path, pair) -> {
                assertNear(pair.a().getGradient(), batch0.doubles("grad." + path + ".lora_A"), path + ".lora_A");
                String b = path.equals("lm_head") ? "lm_head.lora_B.class_rows" : path + ".lora_B";
                assertNear(pair.b().getGradient(), batch0.doubles("grad." + b), b);
            });
        } finally {
            adapted.weights().pairs().values().forEach(p -> {
                Autograd.zeroGradient(p.a());
                Autograd.zeroGradient(p.b());
            });
        }
    }

    @Test
    void shouldCaptureInputsAndOutputGradientsOfEveryToken() {
        try (Pass pass = adapted.forward(batch("train", 0), Mode.PROBED)) {
            pass.backward(lossCotangent(pass), false);
            assertThat(pass.linears()).isEqualTo(adapted.weights().pairs().keySet());
            NDArray s = Constants.array(pass.manager(), new double[] {scaling}, new Shape(1), model.dataType());
            for (String path : pass.linears()) {
                LoraWeights.Pair pair = adapted.weights().pairs().get(path);
                NDArray dh = pass.outputGradient(path);
                boolean head = path.equals("lm_head");
                assertNear(pass.input(path), masked(batch0.doubles("x." + path + ".lora_A"), pass, head), path + " x");
                assertNear(
                        pass.lowRank(path), masked(batch0.doubles("x." + path + ".lora_B"), pass, head), path + " A x");
                assertNear(
                        dh.mul(s),
                        masked(
                                batch0.doubles(head ? "g.lm_head.lora_B.class_cols" : "g." + path + ".lora_B"),
                                pass,
                                head),
                        path + " g of lora_B");
                assertNear(
                        dh.mul(s).matMul(pair.b()),
                        masked(batch0.doubles("g." + path + ".lora_A"), pass, head),
                        path + " g of lora_A");
            }
        }
    }

    /** The stored rows that the head has: the last of each sequence. Other maps have them all. */
    private static double[] masked(double[] stored, Pass pass, boolean head) {
        if (!head) {
            return stored;
        }
        int tokens = pass.batch().tokens();
        int width = stored.length / (pass.batch().size() * tokens);
        double[] last = new double[pass.batch().size() * width];
        for (int b = 0; b < pass.batch().size(); b++) {
            System.arraycopy(stored, (b * tokens + tokens - 1) * width, last, b * width, width);
        }
        return last;
    }

    /** Within 1e-4 of the largest entry; stored padding rows are zero and are skipped (x there is not). */
    private static void assertNear(NDArray found, double[] expected, String what) {
        double[] values = toDoubles(found);
        assertThat(values).as(what).hasSameSizeAs(expected);
        int width = (int) found.getShape().get(found.getShape().dimension() - 1);
        double largest = 0;
        for (double e : expected) {
            largest = Math.max(largest, Math.abs(e));
        }
        assertThat(largest).as(what + " is all zero").isPositive();
        for (int row = 0; row < values.length / width; row++) {
            double sum = 0;
            for (int i = 0; i < width; i++) {
                sum += Math.abs(expected[row * width + i]);
            }
            boolean padding = sum == 0 && what.endsWith("x");
            for (int i = 0; i < width && !padding; i++) {
                assertThat(values[row * width + i])
                        .as(what + " row " + row)
                        .isCloseTo(expected[row * width + i], within(1e-4 * largest));
            }
        }
    }

    @Test
    void shouldGiveTheLogitsOfTheWholeVocabularyWithoutAnAdapter() {
        TokenBatch batch = batch("train", 0);
        try (var manager = model.newManager()) {
            NDArray all = model.fullLogits(batch, LinearHook.FROZEN, manager);
            assertThat(all.getShape())
                    .isEqualTo(new Shape(4, batch.tokens(), model.config().vocabularySize()));
        }
    }
}
