package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import io.calibrant.trainer.model.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The backward pass of our own against autograd's, one cotangent after the other. */
class StackedPassTest {
    private static final int STACK = 2;
    private static final int CLASSES = 3;

    @TempDir
    Path directory;

    /** What one map saw: x, A x, dL/dh, B^T dL/dh. */
    @SuppressWarnings("ArrayRecordComponent") // compared element by element
    private record Seen(double[] input, double[] lowRank, double[] output, double[] projected) {}

    static Stream<Arguments> variants() {
        return NaiveTwinTest.variants();
    }

    private static TokenBatch leftPadded() {
        return TokenBatch.leftPadded(NaiveTwinTest.sequences(), 0);
    }

    private static TokenBatch rightPadded() {
        return NaiveTwinTest.rightPadded();
    }

    private static double[] cotangents(int batch) {
        Random random = new Random(7);
        return random.doubles((long) STACK * batch * CLASSES, -1, 1).toArray();
    }

    private static Map<String, Seen> stacked(AdaptedModel adapted, TokenBatch batch, Set<String> maps) {
        try (StackedPass pass = adapted.stacked(batch, maps)) {
            Map<String, Seen> seen = new HashMap<>();
            DataType type = adapted.model().dataType();
            NDArray start = Constants.array(
                    pass.manager(), cotangents(batch.size()), new Shape(STACK, batch.size(), CLASSES), type);
            pass.backward(
                    start,
                    g -> seen.put(
                            g.path(),
                            new Seen(
                                    doubles(g.input()),
                                    doubles(g.lowRank()),
                                    doubles(g.output()),
                                    doubles(g.projected()))));
            return seen;
        }
    }

    private static Map<String, Seen> autograd(AdaptedModel adapted, TokenBatch batch) {
        try (Pass pass = adapted.forward(batch, Mode.PROBED)) {
            Map<String, List<double[]>> outputs = new HashMap<>();
            Map<String, List<double[]>> projected = new HashMap<>();
            double[] all = cotangents(batch.size());
            int size = batch.size() * CLASSES;
            for (int s = 0; s < STACK; s++) {
                NDArray start = Constants.array(
                        pass.manager(),
                        Arrays.copyOfRange(all, s * size, (s + 1) * size),
                        pass.logits().getShape(),
                        adapted.model().dataType());
                pass.backward(start, s < STACK - 1);
                for (String path : pass.linears()) {
                    NDArray dh = pass.outputGradient(path);
                    outputs.computeIfAbsent(path, k -> new ArrayList<>()).add(doubles(dh));
                    NDArray b = adapted.weights().pairs().get(path).b().stopGradient();
                    projected.computeIfAbsent(path, k -> new ArrayList<>()).add(doubles(dh.matMul(b)));
                }
            }
            Map<String, Seen> seen = new HashMap<>();
            for (String path : pass.linears()) {
                seen.put(
                        path,
                        new Seen(
                                doubles(pass.input(path)),
                                doubles(pass.lowRank(path)),
                                joined(outputs.get(path)),
                                joined(projected.get(path))));
            }
            return seen;
        }
    }

    private static double[] joined(List<double[]> parts) {
        return parts.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    private static double[] doubles(NDArray array) {
        if (array.getDataType() == DataType.FLOAT64) {
            return array.toDoubleArray();
        }
        float[] narrow = array.toFloatArray();
        double[] wide = new double[narrow.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = narrow[i];
        }
        return wide;
    }

    private static void assertSame(Map<String, Seen> found, Map<String, Seen> expected, double tolerance) {
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach((path, seen) -> {
            assertNear(path, found.get(path).input(), seen.input(), tolerance);
            assertNear(path, found.get(path).lowRank(), seen.lowRank(), tolerance);
            assertNear(path, found.get(path).output(), seen.output(), tolerance);
            assertNear(path, found.get(path).projected(), seen.projected(), tolerance);
            assertThat(Arrays.stream(seen.output()).map(Math::abs).max().orElse(0))
                    .as(path)
                    .isGreaterThan(1e-4);
        });
    }

    /** One assertion for all numbers: there are millions of them. */
    static void assertNear(String path, double[] found, double[] expected, double tolerance) {
        assertThat(found).as(path).hasSameSizeAs(expected);
        double farthest = 0;
        for (int i = 0; i < expected.length; i++) {
            farthest = Math.max(farthest, Math.abs(found[i] - expected[i]));
        }
        assertThat(farthest).as(path).isLessThanOrEqualTo(tolerance);
    }

    private AdaptedModel adapted(LanguageModel llama, Path model, String targets) {
        return new AdaptedModel(llama, NaiveTwinTest.adapter(ModelConfig.read(model), targets));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("variants")
    void shouldGoBackAsAutogradDoes(String name, TinyModel tiny, String targets) {
        Path model = tiny.write(directory, 11);
        for (TokenBatch batch : List.of(leftPadded(), rightPadded())) {
            try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                    AdaptedModel adapted = adapted(llama, model, targets)) {
                Map<String, Seen> expected = autograd(adapted, batch);
                assertSame(stacked(adapted, batch, adapted.weights().pairs().keySet()), expected, 1e-12);
            }
        }
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get());
                AdaptedModel adapted = adapted(llama, model, targets)) {
            Map<String, Seen> expected = autograd(adapted, leftPadded());
            assertSame(stacked(adapted, leftPadded(), adapted.weights().pairs().keySet()), expected, 2e-5);
        }
    }

    @Test
    void shouldGiveTheGradientsOfTheMapsAskedForThoughOthersAreAdapted() {
        Path model = new TinyModel().write(directory, 11);
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = adapted(llama, model, "q_proj,v_proj,up_proj,lm_head")) {
            Map<String, Seen> expected = autograd(adapted, leftPadded());
            Set<String> top = Set.of("model.layers.2.self_attn.v_proj", "model.layers.2.mlp.up_proj", "lm_head");
            expected.keySet().retainAll(top);
            assertSame(stacked(adapted, leftPadded(), top), expected, 1e-12);
        }
    }

    @Test
    void shouldGiveTheLogitsOfThePlainPass() {
        Path model = new TinyModel().write(directory, 11);
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = adapted(llama, model, "q_proj,v_proj,down_proj");
                Pass plain = adapted.forward(leftPadded(), Mode.PLAIN);
                StackedPass pass = adapted.stacked(leftPadded())) {
            assertThat(pass.logits().toDoubleArray())
                    .containsExactly(plain.logits().toDoubleArray(), within(1e-13));
        }
    }

    @Test
    void shouldRefuseToGoBackTwice() {
        Path model = new TinyModel().write(directory, 11);
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get());
                AdaptedModel adapted = adapted(llama, model, "q_proj");
                StackedPass pass = adapted.stacked(leftPadded())) {
            NDArray start = pass.manager().zeros(new Shape(1, 3, CLASSES));
            pass.backward(start, g -> {});
            assertThatThrownBy(() -> pass.backward(start, g -> {})).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void shouldServeSeveralThreadsOnOneModel() throws Exception {
        Path model = new TinyModel().write(directory, 11);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try (LanguageModel llama = LanguageModel.load(model, TestDevice.get(), DataType.FLOAT64);
                AdaptedModel adapted = adapted(llama, model, "q_proj,v_proj,lm_head")) {
            Map<String, Seen> expected = autograd(adapted, leftPadded());
            List<Future<Map<String, Seen>>> results = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                results.add(threads.submit(() ->
                        stacked(adapted, leftPadded(), adapted.weights().pairs().keySet())));
            }
            for (Future<Map<String, Seen>> result : results) {
                assertSame(result.get(), expected, 1e-12);
            }
        } finally {
            threads.shutdown();
        }
    }
}
