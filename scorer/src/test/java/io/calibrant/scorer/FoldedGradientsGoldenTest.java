package io.calibrant.scorer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.capture.Mode;
import io.calibrant.trainer.capture.Pass;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.RealMatrix;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The gradient sides (lora_B) at rank 10, eight batches of four questions one after the other, against what the public
 * implementation's incremental SVD gave and against the exact truncation of the whole sum. The rows are our own: the
 * trainer's forward and backward pass in float64, folded by the fitter; this is the first module that sees both.
 */
class FoldedGradientsGoldenTest {
    private static final int BATCHES = 8;
    private static final int RANK = 10;
    private static final int CLASSES = 4;

    /** By module and batch: rows g of lora_B, [m, Dout]. */
    private static Map<String, List<double[]>> exact;

    private static Map<String, List<double[]>> sampled;

    @BeforeAll
    static void backward() {
        exact = new LinkedHashMap<>();
        sampled = new LinkedHashMap<>();
        int[] classTokens = new int[CLASSES];
        for (int c = 0; c < CLASSES; c++) {
            classTokens[c] =
                    Golden.json("mcq_golden").get("class_token_ids").get(c).asInt();
        }
        Golden inputs = Golden.shared("mcq_inputs");
        int[] labels = inputs.labels("train.mc_labels");
        try (LanguageModel model = LanguageModel.load(Golden.file("model"), TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted =
                        new AdaptedModel(model, Peft.read(Golden.file("adapter_mcq"), model.config(), classTokens))) {
            for (int b = 0; b < BATCHES; b++) {
                TokenBatch batch = batch(inputs, b);
                try (Pass pass = adapted.forward(batch, Mode.PROBED)) {
                    rows(
                            pass,
                            adapted.settings().scaling(),
                            Arrays.copyOfRange(labels, batch.size() * b, batch.size() * (b + 1)));
                }
            }
        }
    }

    @AfterAll
    static void forget() {
        exact = null;
        sampled = null;
    }

    private static TokenBatch batch(Golden inputs, int number) {
        String name = "train.b" + number;
        int[] shape = inputs.shape(name + ".input_ids");
        double[] ids = inputs.vector(name + ".input_ids");
        double[] mask = inputs.vector(name + ".attention_mask");
        long[][] tokens = new long[shape[0]][shape[1]];
        boolean[][] real = new boolean[shape[0]][shape[1]];
        for (int i = 0; i < ids.length; i++) {
            tokens[i / shape[1]][i % shape[1]] = (long) ids[i];
            real[i / shape[1]][i % shape[1]] = mask[i] == 1;
        }
        return TokenBatch.of(tokens, real);
    }

    /** Backward from sqrt(p_c) (p - e_c) for every class, then from the mean loss of the stored sampled labels. */
    private static void rows(Pass pass, double scaling, int[] labels) {
        int size = labels.length;
        double[] p = probabilities(pass.logits().toDoubleArray());
        Map<String, List<double[]>> rows = new LinkedHashMap<>();
        for (int c = 0; c <= CLASSES; c++) {
            double[] cotangent = new double[p.length];
            for (int i = 0; i < size; i++) {
                int label = c < CLASSES ? c : labels[i];
                double weight = c < CLASSES ? Math.sqrt(p[i * CLASSES + c]) : 1.0 / size;
                for (int e = 0; e < CLASSES; e++) {
                    cotangent[i * CLASSES + e] = scaling * weight * (p[i * CLASSES + e] - (e == label ? 1 : 0));
                }
            }
            try (NDArray start =
                    Constants.array(pass.manager(), cotangent, pass.logits().getShape(), DataType.FLOAT64)) {
                pass.backward(start, c < CLASSES);
            }
            for (String path : pass.linears()) {
                NDArray g = pass.outputGradient(path);
                double[] values = g.toDoubleArray();
                int tokens = (int) g.getShape().get(1);
                int width = (int) g.getShape().get(2);
                if (c < CLASSES) {
                    // Rows of padding are zero and add nothing.
                    rows.computeIfAbsent(path, key -> new ArrayList<>()).add(values);
                } else {
                    double[] last = new double[size * width];
                    for (int i = 0; i < size; i++) {
                        System.arraycopy(values, ((i + 1) * tokens - 1) * width, last, i * width, width);
                    }
                    sampled.computeIfAbsent(path, key -> new ArrayList<>()).add(last);
                }
            }
        }
        rows.forEach((path, passes) ->
                exact.computeIfAbsent(path, key -> new ArrayList<>()).add(joined(passes)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model.layers.0.self_attn.q_proj",
                "model.layers.0.self_attn.v_proj",
                "model.layers.1.self_attn.q_proj",
                "model.layers.1.self_attn.v_proj",
                "model.layers.2.self_attn.q_proj",
                "model.layers.2.self_attn.v_proj",
                "lm_head"
            })
    void shouldMeetTheStoredFactors(String module) {
        Golden lowRank = Golden.shared("mcq_lowrank");
        Golden kfac = Golden.shared("mcq_kfac");
        String name = "." + module + ".lora_B";
        check(exact.get(module), kfac.vector("expand.S.exact" + name), 1, lowRank, "expand_exact", name);
        // The public implementation takes the gradient of the mean over the batch: 4 squared too small.
        check(sampled.get(module), kfac.vector("last.S.mc" + name), 16, lowRank, "last_mc", name);
    }

    private static void check(
            List<double[]> batches, double[] sum, double divisor, Golden lowRank, String kind, String name) {
        int d = (int) Math.round(Math.sqrt(sum.length));
        LargeSide side = LargeSide.empty(d, RANK);
        RealMatrix full = new Array2DRowRealMatrix(d, d);
        for (double[] rows : batches) {
            int m = rows.length / d;
            double trace = 0;
            for (double value : rows) {
                trace += value * value;
            }
            side = side.fold(io.calibrant.fitter.linalg.Rows.of(rows), m, trace, 1);
            full = full.add(gram(rows, d));
        }
        RealMatrix target = matrix(sum, d).scalarMultiply(1 / divisor);
        assertThat(distance(full, target)).as("sum of %s%s", kind, name).isLessThan(1e-10);
        assertThat(side.trace()).isCloseTo(full.getTrace(), within(1e-12 * full.getTrace()));
        assertThat(distance(matrix(side, d), matrix(lowRank.vector(kind + ".incremental_BBt" + name), d)))
                .as("incremental %s%s", kind, name)
                .isLessThan(1e-8);
        LargeSide once = LargeSide.empty(d, RANK);
        double[] all = joined(batches);
        once = once.fold(io.calibrant.fitter.linalg.Rows.of(all), all.length / d, full.getTrace(), 1);
        assertThat(distance(matrix(once, d), matrix(lowRank.vector(kind + ".truncated" + name), d)))
                .as("truncated %s%s", kind, name)
                .isLessThan(1e-8);
    }

    private static RealMatrix matrix(LargeSide side, int d) {
        return side instanceof Columns columns ? gram(columns.columns(), d) : matrix(((FullSum) side).sum(), d);
    }

    private static RealMatrix gram(double[] rows, int d) {
        RealMatrix r = matrix(rows, d);
        return r.transpose().multiply(r);
    }

    private static RealMatrix matrix(double[] values, int width) {
        RealMatrix matrix = new Array2DRowRealMatrix(values.length / width, width);
        for (int i = 0; i < values.length; i++) {
            matrix.setEntry(i / width, i % width, values[i]);
        }
        return matrix;
    }

    private static double distance(RealMatrix found, RealMatrix expected) {
        return found.subtract(expected).getFrobeniusNorm() / expected.getFrobeniusNorm();
    }

    private static double[] probabilities(double[] z) {
        double[] p = new double[z.length];
        for (int i = 0; i < z.length; i += CLASSES) {
            double sum = 0;
            for (int c = 0; c < CLASSES; c++) {
                sum += Math.exp(z[i + c]);
            }
            for (int c = 0; c < CLASSES; c++) {
                p[i + c] = Math.exp(z[i + c]) / sum;
            }
        }
        return p;
    }

    private static double[] joined(List<double[]> parts) {
        return parts.stream().flatMapToDouble(Arrays::stream).toArray();
    }
}
