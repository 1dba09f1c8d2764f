package io.calibrant.fitter.linalg;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.golden.Golden;
import io.calibrant.fitter.golden.NaiveLlama;
import io.calibrant.fitter.golden.Safetensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rank 10, eight batches of four questions one after the other, against what the public implementation's incremental
 * SVD gave: all seven input sides (lora_A), over real tokens and over last tokens. The rows come from a plain float64
 * forward.
 */
class IncrementalGoldenTest {
    private static final int D = 64;
    private static final int BATCHES = 8;

    /** By batch: the inputs of every module for each of its questions. */
    private static List<List<Map<String, double[]>>> inputs;

    @BeforeAll
    static void forward() {
        Safetensors stored = Golden.tensors("mcq_inputs.safetensors");
        NaiveLlama model = new NaiveLlama();
        inputs = new ArrayList<>();
        for (int batch = 0; batch < BATCHES; batch++) {
            double[] ids = stored.values("train.b" + batch + ".input_ids");
            double[] mask = stored.values("train.b" + batch + ".attention_mask");
            int t = ids.length / 4;
            List<Map<String, double[]>> questions = new ArrayList<>();
            for (int q = 0; q < 4; q++) {
                int from = q * t;
                int[] real = java.util.stream.IntStream.range(from, from + t)
                        .filter(i -> mask[i] == 1)
                        .map(i -> (int) ids[i])
                        .toArray();
                questions.add(model.inputs(real));
            }
            inputs.add(questions);
        }
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
    void shouldMeetTheStoredFactor(String module) {
        Safetensors lowRank = Golden.tensors("mcq_lowrank.safetensors");
        Safetensors kfac = Golden.tensors("mcq_kfac.safetensors");
        for (boolean last : new boolean[] {false, true}) {
            LargeSide side = LargeSide.empty(D, 10);
            double[] full = new double[D * D];
            for (int batch = 0; batch < BATCHES; batch++) {
                double[] rows = rows(batch, module, last);
                int m = rows.length / D;
                full = Naive.plus(full, Naive.outer(rows, m, D));
                side = side.fold(Rows.of(rows), m, Naive.squaredNorm(rows), 1);
            }
            double[] columns = ((Columns) side).columns();
            double[] found = Naive.outer(columns, columns.length / D, D);
            String name = "." + module + ".lora_A";
            assertThat(Naive.relative(full, kfac.values((last ? "last.A" : "expand.A") + name)))
                    .isLessThan(1e-11);
            double[] stored = lowRank.values((last ? "last_mc" : "expand_exact") + ".incremental_BBt" + name);
            assertThat(Naive.relative(found, stored)).isLessThan(1e-8);
            assertThat(side.trace()).isCloseTo(trace(full), org.assertj.core.api.Assertions.within(1e-9));
        }
    }

    @Test
    void shouldLoseLittleToFloat32BetweenFolds() {
        double worst = 0;
        for (String module : List.of("model.layers.0.self_attn.q_proj", "model.layers.2.self_attn.q_proj", "lm_head")) {
            LargeSide exact = LargeSide.empty(D, 10);
            Columns stored = (Columns) LargeSide.empty(D, 10);
            for (int batch = 0; batch < BATCHES; batch++) {
                double[] rows = rows(batch, module, false);
                exact = exact.fold(Rows.of(rows), rows.length / D, Naive.squaredNorm(rows), 1);
                Columns next = stored.fold(Rows.of(rows), rows.length / D, Naive.squaredNorm(rows), 1);
                double[] rounded =
                        Arrays.stream(next.columns()).map(x -> (float) x).toArray();
                stored = new Columns(D, 10, Rows.of(rounded), next.trace());
            }
            double[] a = ((Columns) exact).columns();
            double[] b = stored.columns();
            worst = Math.max(worst, Naive.relative(Naive.outer(b, 10, D), Naive.outer(a, 10, D)));
        }
        System.out.printf("float32 between folds moves L L^T by %.2g (relative)%n", worst);
        assertThat(worst).isLessThan(1e-6);
    }

    private static double[] rows(int batch, String module, boolean last) {
        double[] rows = new double[0];
        for (Map<String, double[]> question : inputs.get(batch)) {
            double[] x = question.get(module);
            rows = Naive.concat(rows, last ? Arrays.copyOfRange(x, x.length - D, x.length) : x);
        }
        return rows;
    }

    private static double trace(double[] matrix) {
        double trace = 0;
        for (int i = 0; i < D; i++) {
            trace += matrix[i * D + i];
        }
        return trace;
    }
}
