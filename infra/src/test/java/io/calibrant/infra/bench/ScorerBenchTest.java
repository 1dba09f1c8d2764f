package io.calibrant.infra.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.predictive.Predictor;
import io.calibrant.trainer.capture.AdaptedModel;
import io.calibrant.trainer.model.BaseFormat;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScorerBenchTest {
    /** What a tier costs is a line of its own, tier forward's too, whose members no other tier has. */
    @Test
    void shouldMeasureEveryTierAgainstThePlainForwardPass() {
        BenchSettings settings = new BenchSettings(null, BaseFormat.F32, ComputeDevice.CPU, 1, 16, 4, 1, 0);
        List<Figure> figures = new ArrayList<>();
        try (BenchModel model = BenchModel.random(
                        ModelConfig.llama(new ModelSizes(512, 32, 2, 2, 1, 16, 32, 64), true), settings);
                AdaptedModel adapted = new AdaptedModel(model.model(), model.adapter());
                Predictor all = ScorerBench.predictor(Tier.ALL, adapted, model.adapter());
                Predictor lastLayer = ScorerBench.predictor(Tier.LAST_LAYER, adapted, model.adapter());
                Predictor map = ScorerBench.predictor(Tier.MAP, adapted, model.adapter())) {
            double perQuestion = new ScorerBench(settings).tiers(adapted, all, lastLayer, map, figures::add);
            assertThat(figures)
                    .filteredOn(each -> each.name().equals("scorer.all.batch4.questions_per_second"))
                    .singleElement()
                    .satisfies(each -> assertThat(each.value() * perQuestion).isBetween(1 - 1e-9, 1 + 1e-9));
        }
        List<String> names = new ArrayList<>();
        for (int batch : new int[] {1, 4, 16}) {
            for (Tier tier : List.of(Tier.ALL, Tier.LAST_LAYER, Tier.MAP, Tier.FORWARD)) {
                names.add("scorer." + tier.label() + ".batch" + batch + ".forwards");
                names.add("scorer." + tier.label() + ".batch" + batch + ".questions_per_second");
            }
        }
        assertThat(figures).extracting(Figure::name).containsExactlyElementsOf(names);
        assertThat(figures).extracting(Figure::value).allMatch(value -> value > 0);
        assertThat(figures)
                .filteredOn(each -> each.name().endsWith(".forwards"))
                .allMatch(each -> each.unit().equals("ratio"))
                .allMatch(each -> each.comparedWith().equals("plain forward of the same batch"));
    }
}
