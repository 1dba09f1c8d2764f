package io.calibrant.trainer.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calibrant.trainer.TestDevice;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.Peft;
import io.calibrant.trainer.model.Constants;
import io.calibrant.trainer.model.LanguageModel;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.safetensors.SafetensorsReader;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * A tiny model and adapter that Python saved, and the logits and LoRA gradients that transformers and peft give for
 * them; small enough to be part of the project, so this runs everywhere. {@code make.py} beside the files makes them.
 */
class ReferenceTest {

    private static final int[] LABELS = {2, 0, 1};

    private static Path files() throws URISyntaxException {
        return Path.of(Objects.requireNonNull(ReferenceTest.class.getResource("reference"))
                .toURI());
    }

    @Test
    void shouldGiveTheLogitsAndLoraGradientsOfPython() throws URISyntaxException {
        Path files = files();
        try (SafetensorsReader expected = SafetensorsReader.open(files.resolve("expected.safetensors"));
                LanguageModel model = LanguageModel.load(files.resolve("model"), TestDevice.get())) {
            int[] classTokens = Arrays.stream(expected.longs("class_tokens"))
                    .mapToInt(Math::toIntExact)
                    .toArray();
            Adapter adapter =
                    Peft.read(files.resolve("adapter"), ModelConfig.read(files.resolve("model")), classTokens);
            try (AdaptedModel adapted = new AdaptedModel(model, adapter);
                    Pass pass = adapted.forward(batch(expected), Mode.TRAINING)) {
                float[] z = expected.floats("logits");
                assertNear(pass.logits(), z, "logits");
                pass.backward(Constants.array(pass.manager(), cotangent(z), new Shape(3, 3), model.dataType()), false);
                assertThat(adapted.weights().pairs()).hasSize(15);
                adapted.weights().pairs().forEach((path, pair) -> {
                    assertNear(pair.a().getGradient(), expected.floats("grad." + path + ".lora_A"), path + ".lora_A");
                    assertNear(pair.b().getGradient(), expected.floats("grad." + path + ".lora_B"), path + ".lora_B");
                });
            }
        }
    }

    private static TokenBatch batch(SafetensorsReader expected) {
        long[] ids = expected.longs("input_ids");
        long[] mask = expected.longs("attention_mask");
        long[][] rows = new long[3][6];
        boolean[][] real = new boolean[3][6];
        for (int i = 0; i < ids.length; i++) {
            rows[i / 6][i % 6] = ids[i];
            real[i / 6][i % 6] = mask[i] == 1;
        }
        return TokenBatch.of(rows, real);
    }

    /** Softmax minus one-hot: the gradient of the summed cross-entropy. */
    private static double[] cotangent(float[] z) {
        double[] d = new double[9];
        for (int b = 0; b < 3; b++) {
            double sum = 0;
            for (int c = 0; c < 3; c++) {
                sum += Math.exp(z[3 * b + c]);
            }
            for (int c = 0; c < 3; c++) {
                d[3 * b + c] = Math.exp(z[3 * b + c]) / sum - (LABELS[b] == c ? 1 : 0);
            }
        }
        return d;
    }

    /** To the rounding of float32: Python rounds its rotary frequencies to it as well. */
    private static void assertNear(NDArray found, float[] expected, String what) {
        float largest = 0;
        for (float e : expected) {
            largest = Math.max(largest, Math.abs(e));
        }
        assertThat(largest).as(what + " is all zero").isPositive();
        assertThat(found.toFloatArray()).as(what).containsExactly(expected, within(1e-4f * largest));
    }
}
