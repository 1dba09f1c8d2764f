package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraMatrices;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.lora.LoraWeights;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TinyModel;
import io.calibrant.trainer.model.TokenBatch;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PassTest {

    private static final int[] CLASSES = {5, 31, 2};
    private static final String Q = "model.layers.0.self_attn.q_proj";
    private static final String UP = "model.layers.2.mlp.up_proj";

    @TempDir
    Path directory;

    private LanguageModel model;
    private AdaptedModel adapted;

    @BeforeEach
    void load() {
        Path path = new TinyModel().write(directory, 21);
        model = LanguageModel.load(path, TestDevice.get());
        adapted = new AdaptedModel(model, adapter(0));
    }

    @AfterEach
    void close() {
        adapted.close();
        model.close();
    }

    private Adapter adapter(double dropout) {
        ModelConfig config = ModelConfig.read(directory);
        LoraSettings settings =
                new LoraSettings(3, 6, dropout, false, LoraTargets.parse("q_proj,v_proj,up_proj,lm_head"));
        Random random = new Random(5);
        List<LoraMatrices> trained = new ArrayList<>();
        for (LoraMatrices m :
                Adapter.initialise(config, settings, CLASSES, 4).matrices().values()) {
            float[] b = m.b();
            for (int i = 0; i < b.length; i++) {
                b[i] = (float) (0.2 * random.nextGaussian());
            }
            trained.add(new LoraMatrices(m.linear(), 3, m.a(), b));
        }
        return Adapter.of(config, settings, CLASSES, trained);
    }

    private static final List<long[]> SEQUENCES =
            List.of(new long[] {3, 1, 4, 1, 5, 9, 2}, new long[] {6, 5, 35}, new long[] {8, 9, 7, 9, 3});

    private static NDArray cotangent(Pass pass, double... values) {
        return Constants.array(pass.manager(), values, new Shape(pass.batch().size(), 3), DataType.FLOAT32);
    }

    private static TokenBatch padded(List<long[]> sequences, int left, int right) {
        int longest = sequences.stream().mapToInt(s -> s.length).max().orElseThrow();
        long[][] ids = new long[sequences.size()][left + longest + right];
        boolean[][] real = new boolean[ids.length][left + longest + right];
        for (int b = 0; b < ids.length; b++) {
            Arrays.fill(ids[b], 17);
            long[] s = sequences.get(b);
            int from = right > 0 ? left : left + longest - s.length; // aligned left where padding is on the right
            System.arraycopy(s, 0, ids[b], from, s.length);
            Arrays.fill(real[b], from, from + s.length, true);
        }
        return TokenBatch.of(ids, real);
    }

    @Test
    void shouldNotDependOnPaddingOrCompanions() {
        double[] d = {0.7, -1.1, 0.4, 1.3, 0.2, -0.6, -0.9, 0.8, 0.5};
        for (TokenBatch batch : List.of(
                padded(SEQUENCES, 0, 0), padded(SEQUENCES, 5, 0), padded(SEQUENCES, 0, 3), padded(SEQUENCES, 2, 4))) {
            try (Pass together = adapted.forward(batch, Mode.PROBED)) {
                together.backward(cotangent(together, d), false);
                for (int b = 0; b < 3; b++) {
                    TokenBatch single = TokenBatch.leftPadded(List.of(SEQUENCES.get(b)), 0);
                    try (Pass alone = adapted.forward(single, Mode.PROBED)) {
                        alone.backward(cotangent(alone, Arrays.copyOfRange(d, 3 * b, 3 * b + 3)), false);
                        assertNear(together.logits().get(b), alone.logits().toFloatArray());
                        for (String path : List.of(Q, UP, "lm_head")) {
                            boolean head = path.equals("lm_head");
                            int from = head ? 0 : batch.last(b) + 1 - SEQUENCES.get(b).length;
                            int to = head ? 1 : batch.last(b) + 1;
                            String rows = b + "," + from + ":" + to;
                            assertNear(
                                    together.input(path).get(rows),
                                    alone.input(path).toFloatArray());
                            assertNear(
                                    together.lowRank(path).get(rows),
                                    alone.lowRank(path).toFloatArray());
                            assertNear(
                                    together.outputGradient(path).get(rows),
                                    alone.outputGradient(path).toFloatArray());
                        }
                    }
                }
            }
        }
    }

    private static void assertNear(NDArray found, float[] expected) {
        assertThat(found.toFloatArray()).containsExactly(expected, within(2e-5f));
    }

    @Test
    void shouldGiveEachContrastItsOwnGradientThroughOneGraph() {
        TokenBatch batch = TokenBatch.leftPadded(SEQUENCES, 0);
        double[][] contrasts = {{1, 0, -1, 1, 0, -1, 1, 0, -1}, {0, 1, -1, 0, 1, -1, 0, 1, -1}};
        try (Pass both = adapted.forward(batch, Mode.PROBED)) {
            List<NDArray> kept = new ArrayList<>();
            both.backward(cotangent(both, contrasts[0]), true);
            kept.add(both.outputGradient(Q));
            both.backward(cotangent(both, contrasts[1]), false);
            kept.add(both.outputGradient(Q));
            for (int c = 0; c < 2; c++) {
                try (Pass one = adapted.forward(batch, Mode.PROBED)) {
                    one.backward(cotangent(one, contrasts[c]), false);
                    assertThat(kept.get(c).toFloatArray())
                            .containsExactly(one.outputGradient(Q).toFloatArray(), within(0f)); // but 0 may be -0
                }
            }
        }
    }

    @Test
    void shouldLeaveNoGradientInTheWeightsWhenItOnlyProbes() {
        adapted.weights().setTrainable(true);
        try (Pass pass = adapted.forward(TokenBatch.leftPadded(SEQUENCES, 0), Mode.PROBED)) {
            pass.backward(cotangent(pass, 1, 0, 0, 1, 0, 0, 1, 0, 0), false);
            for (LoraWeights.Pair pair : adapted.weights().pairs().values()) {
                assertThat(Autograd.hasGradient(pair.a())).isFalse();
                assertThat(Autograd.hasGradient(pair.b())).isFalse();
            }
        }
    }

    @Test
    void shouldTrainTheSameWithAndWithoutProbes() {
        double[] d = {0.7, -1.1, 0.4, 1.3, 0.2, -0.6, -0.9, 0.8, 0.5};
        List<float[]> gradients = new ArrayList<>();
        for (Mode mode : List.of(Mode.TRAINING, Mode.TRAINING_PROBED)) {
            try (Pass pass = adapted.forward(TokenBatch.leftPadded(SEQUENCES, 0), mode)) {
                pass.backward(cotangent(pass, d), false);
                for (LoraWeights.Pair pair : adapted.weights().pairs().values()) {
                    gradients.add(pair.a().getGradient().toFloatArray());
                    gradients.add(pair.b().getGradient().toFloatArray());
                    Autograd.zeroGradient(pair.a());
                    Autograd.zeroGradient(pair.b());
                }
                assertThat(pass.linears().isEmpty()).isEqualTo(mode == Mode.TRAINING);
            }
        }
        int half = gradients.size() / 2;
        for (int i = 0; i < half; i++) {
            assertThat(gradients.get(half + i)).containsExactly(gradients.get(i), within(1e-5f));
        }
    }

    @Test
    void shouldDropInputsOfTheAdapterInTrainingOnly() {
        TokenBatch batch = TokenBatch.leftPadded(SEQUENCES, 0);
        try (AdaptedModel dropping = new AdaptedModel(model, adapter(0.5));
                Pass still = adapted.forward(batch, Mode.PLAIN);
                Pass plain = dropping.forward(batch, Mode.PLAIN);
                Pass probed = dropping.forward(batch, Mode.PROBED)) {
            assertThat(plain.logits().toFloatArray())
                    .containsExactly(still.logits().toFloatArray());
            assertThat(probed.logits().toFloatArray())
                    .containsExactly(still.logits().toFloatArray(), within(1e-5f));
            float[] first = trainingLogits(dropping, 1);
            assertThat(trainingLogits(dropping, 1)).containsExactly(first);
            assertThat(trainingLogits(dropping, 2)).isNotEqualTo(first);
            try (Pass training = dropping.forward(batch, Mode.TRAINING_PROBED)) {
                assertThat(training.input(Q).toFloatArray())
                        .as("x is captured before dropout")
                        .containsExactly(probed.input(Q).toFloatArray());
                assertThat(training.lowRank(Q).toFloatArray())
                        .as("A x after it")
                        .isNotEqualTo(probed.lowRank(Q).toFloatArray());
            }
        }
    }

    private static float[] trainingLogits(AdaptedModel dropping, int seed) {
        Engine.getInstance().setRandomSeed(seed);
        try (Pass pass = dropping.forward(TokenBatch.leftPadded(SEQUENCES, 0), Mode.TRAINING)) {
            return pass.logits().toFloatArray();
        }
    }

    /** Trap 1: memory of Java buffers that the graph needs would be freed, and used again, before the backward pass. */
    @Test
    void shouldSurviveGarbageCollectionBetweenForwardAndBackward() {
        float[] calm = gradientAfter(() -> {});
        float[] stormy = gradientAfter(PassTest::collectAndOverwrite);
        assertThat(stormy).containsExactly(calm);
    }

    private float[] gradientAfter(Runnable between) {
        try (Pass pass = adapted.forward(TokenBatch.leftPadded(SEQUENCES, 0), Mode.PROBED)) {
            NDArray cotangent = cotangent(pass, 1, 0, -1, 1, 0, -1, 1, 0, -1);
            between.run();
            pass.backward(cotangent, true);
            between.run();
            pass.backward(cotangent, false);
            return pass.outputGradient(Q).toFloatArray();
        }
    }

    private static void collectAndOverwrite() {
        WeakReference<Object> witness = new WeakReference<>(new Object());
        while (witness.get() != null) {
            System.gc();
        }
        for (int size = 4; size < 1 << 16; size *= 2) {
            for (int i = 0; i < 64; i++) {
                ByteBuffer buffer = ByteBuffer.allocateDirect(size);
                while (buffer.hasRemaining()) {
                    buffer.put((byte) 0x7f);
                }
            }
        }
    }

    /** Trap 4: the engine's recording switch is per thread and on in a new one. */
    @Test
    void shouldRunPassesInSeveralThreadsAtOnce() throws Exception {
        TokenBatch batch = TokenBatch.leftPadded(SEQUENCES, 0);
        double[] d = {1, 0, -1, 0, 1, -1, 1, -1, 0};
        float[] expected;
        try (Pass pass = adapted.forward(batch, Mode.PROBED)) {
            pass.backward(cotangent(pass, d), false);
            expected = pass.outputGradient(Q).toFloatArray();
        }
        ExecutorService pool = Executors.newFixedThreadPool(3);
        try {
            List<Future<float[]>> results = new ArrayList<>();
            for (int i = 0; i < 24; i++) {
                boolean plainFirst = i % 2 == 0;
                results.add(pool.submit(() -> {
                    if (plainFirst) {
                        adapted.forward(batch, Mode.PLAIN).close();
                    }
                    try (Pass pass = adapted.forward(batch, Mode.PROBED)) {
                        pass.backward(cotangent(pass, d), false);
                        return pass.outputGradient(Q).toFloatArray();
                    }
                }));
            }
            for (Future<float[]> result : results) {
                assertThat(result.get()).containsExactly(expected, within(1e-6f));
            }
        } finally {
            pool.shutdown();
        }
    }

    @Test
    void shouldSnapshotTheWeightsOfTheDevice() {
        Adapter before = adapter(0);
        LoraWeights.Pair pair = adapted.weights().pairs().get(Q);
        int arrays = pair.a().getManager().getManagedArrays().size();
        assertThat(adapted.weights().snapshot().matrices().get(Q).a())
                .containsExactly(before.matrices().get(Q).a());
        pair.a().addi(pair.a());
        assertThat(adapted.weights().snapshot().matrices().get(Q).a()[0])
                .isEqualTo(2 * before.matrices().get(Q).a()[0]);
        assertThat(pair.a().getManager().getManagedArrays()).as("left behind").hasSize(arrays);
    }

    @Test
    void shouldRefuseTokensAndLengthsThatTheModelDoesNotHave() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adapted.forward(TokenBatch.leftPadded(List.of(new long[] {37}), 0), Mode.PLAIN))
                .withMessageContainingAll("token 37", "vocabulary of 37");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adapted.forward(TokenBatch.leftPadded(List.of(new long[65]), 0), Mode.PLAIN))
                .withMessageContainingAll("65 tokens", "64 positions");
        try (Pass pass = adapted.forward(TokenBatch.leftPadded(List.of(new long[64]), 0), Mode.PLAIN)) {
            assertThat(pass.logits().toFloatArray()).hasSize(3);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> pass.input(Q))
                    .withMessageContaining(Q + " was not captured");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> TokenBatch.leftPadded(List.of(), 0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TokenBatch.leftPadded(List.of(new long[] {1}, new long[0]), 0))
                .withMessageContaining("sequence 1 has no token");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TokenBatch.of(new long[1][3], new boolean[][] {{true, false, true}}))
                .withMessageContaining("padding between");
    }
}
