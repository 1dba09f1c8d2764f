package io.calibrant.scorer.answering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TierTest {
    private static final String LOW = "model.layers.2.self_attn.q_proj";
    private static final String HIGH = "model.layers.10.self_attn.q_proj";
    private static final String HIGHER_BESIDE = "model.layers.10.mlp.down_proj";

    @Test
    void shouldLetTheHighestAdaptedLayerAndTheHeadCarryTheCovariance() {
        assertThat(Tier.LAST_LAYER.paths(List.of(LOW, HIGH, HIGHER_BESIDE, "lm_head")))
                .isEqualTo(Set.of(HIGH, HIGHER_BESIDE, "lm_head"));
        assertThat(Tier.LAST_LAYER.paths(List.of(LOW))).isEqualTo(Set.of(LOW));
        assertThat(Tier.LAST_LAYER.paths(List.of("lm_head"))).isEqualTo(Set.of("lm_head"));
        assertThat(Tier.ALL.paths(List.of(LOW, HIGH))).isEqualTo(Set.of(LOW, HIGH));
        assertThat(Tier.MAP.paths(List.of(LOW, HIGH))).isEmpty();
    }

    @Test
    void shouldKnowTiersByTheirLabels() {
        for (Tier tier : Tier.values()) {
            assertThat(Tier.of("--tier", tier.label())).isEqualTo(tier);
        }
        assertThatThrownBy(() -> Tier.of("--tier", "ALL"))
                .hasMessage("--tier must be all, last-layer, forward or map, got 'ALL'");
    }
}
