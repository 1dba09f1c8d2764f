package io.calibrant.scorer.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.scorer.TinyModel;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ranks, scalings and magnitudes of single maps, as they stand on the topics. */
class RunAdapterTest {
    static {
        TrustedRecords.trust();
    }

    private static final String Q = "model.layers.0.self_attn.q_proj";
    private static final String V = "model.layers.1.self_attn.v_proj";

    @TempDir
    Path directory;

    private ModelConfig config;
    private final Map<String, AdapterBlock> blocks = new HashMap<>();
    private Run run;

    @BeforeEach
    void publish() throws IOException {
        TinyModel.write(directory);
        config = ModelConfig.read(directory);
        run = Run.newBuilder()
                .setRunId("r")
                .setLoraRank(2)
                .setLoraAlpha(4)
                .setLoraTargets(List.of(Q, V))
                .setScalings(Map.of(V, 0.7))
                .setBlocks(List.of(
                        block(Q + ".lora_A", 2, TinyModel.WIDTH, Side.INPUT),
                        block(Q + ".lora_B", TinyModel.WIDTH, 2, Side.GRADIENT),
                        block(V + ".lora_A", 3, TinyModel.WIDTH, Side.INPUT),
                        block(V + ".lora_B", TinyModel.KEY_VALUE_WIDTH, 3, Side.GRADIENT)))
                .build();
    }

    private Block block(String name, int outputs, int inputs, Side side) {
        blocks.put(
                name,
                AdapterBlock.newBuilder()
                        .setRunId("r")
                        .setCheckpoint("step-0")
                        .setBlock(name)
                        .setWeight(Tensors.of(new float[outputs * inputs], outputs, inputs))
                        .build());
        return new Block(name, outputs, inputs, side);
    }

    @Test
    void shouldTakeRankAndScalingOfEveryMap() {
        Adapter adapter = RunAdapter.of(config, run, blocks, new int[] {7, 8});

        assertThat(adapter.matrices().get(Q).rank()).isEqualTo(2);
        assertThat(adapter.matrices().get(V).rank()).isEqualTo(3);
        assertThat(adapter.settings().scaling(Q)).isEqualTo(2);
        assertThat(adapter.settings().scaling(V)).isEqualTo(0.7, within(1e-15));
        assertThat(adapter.isDora()).isFalse();
        assertThatCode(() -> CatalogueChecks.check("r", run)).doesNotThrowAnyException();
    }

    @Test
    void shouldRefuseAMapOfAnotherRankWithoutAScalingOfItsOwn() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CatalogueChecks.check(
                        "r", Run.newBuilder(run).setScalings(Map.of()).build()))
                .withMessageContaining("blocks of " + V + " must be lora_A and lora_B of loraRank 2, got [3, 3]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CatalogueChecks.check(
                        "r", Run.newBuilder(run).setScalings(Map.of(V, 0.0)).build()))
                .withMessageContaining("scaling of " + V + " must be above 0 and finite");
    }

    @Test
    void shouldTakeTheMagnitudesOfADora() {
        AdapterBlock b = blocks.get(Q + ".lora_B");
        float[] magnitude = new float[TinyModel.WIDTH];
        Arrays.fill(magnitude, 1.5f);
        b.setMagnitude(Tensors.of(magnitude, TinyModel.WIDTH));

        Adapter adapter = RunAdapter.of(config, run, blocks, new int[] {7, 8});

        assertThat(adapter.matrices().get(Q).magnitude().orElseThrow()).containsExactly(magnitude);
        String key = "r/step-0/" + Q + ".lora_B";
        assertThatCode(() -> CatalogueChecks.check(key, b)).doesNotThrowAnyException();
        b.setMagnitude(Tensors.of(magnitude, TinyModel.WIDTH, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CatalogueChecks.check(key, b))
                .withMessageContaining("shape of magnitude must be [" + TinyModel.WIDTH + "]");
        magnitude[1] = Float.NaN;
        b.setMagnitude(Tensors.of(magnitude, TinyModel.WIDTH));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CatalogueChecks.check(key, b))
                .withMessageContaining("magnitude must be finite in every number");
    }
}
