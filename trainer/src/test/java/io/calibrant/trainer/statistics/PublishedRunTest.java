package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.TrainingTexts;
import io.calibrant.schemas.avro.FisherType;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.trainer.curvature.KfacApproximation;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.lora.LoraSettings;
import io.calibrant.trainer.lora.LoraTargets;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ModelSizes;
import io.calibrant.trainer.prompts.ClassToken;
import io.calibrant.trainer.prompts.ClassTokens;
import io.calibrant.trainer.prompts.PromptForm;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PublishedRunTest {
    static {
        TrustedRecords.trust(); // as every connection does
    }

    private static final Run THERE = Run.newBuilder()
            .setRunId("r")
            .setModelId("a")
            .setModelDigest("sha256:0")
            .setRank(10)
            .setSettings(Map.of("steps", "400", "batchSize", "4"))
            .build();

    @Test
    void shouldNotMindWhatIsTheSameUnderOtherNames() {
        Run here = Run.newBuilder(THERE).setModelId("b").build();
        assertThat(PublishedRun.difference(THERE, here)).isEmpty();
    }

    /** A state file that an earlier version wrote says nothing of lists, maps and numbers that came later. */
    @Test
    void shouldGiveWhatAnEarlierVersionDidNotKnowItsDefault() {
        Map<String, String> here = PublishedRun.settings(THERE);
        Map<String, String> earlier = new TreeMap<>(here);
        earlier.keySet().removeAll(List.of("scalings", "savedWeights"));
        assertThat(earlier).hasSize(here.size() - 2);
        assertThat(PublishedRun.difference(earlier, here)).isEmpty();
    }

    @Test
    void shouldNotMindWhatAnEarlierVersionDidNotRecord() {
        Run here = Run.newBuilder(THERE)
                .setSettings(Map.of("steps", "400", "batchSize", "4", PromptForm.NAMES_END, "true"))
                .build();
        assertThat(PublishedRun.difference(THERE, here)).isEmpty();
    }

    @Test
    void shouldGoOnWithARunFromBeforeInputsWithoutThem() {
        RunDescription here = described();
        Run there = Records.run(here.withInputs(0, 0));
        assertThat(there.getInputs()).isEmpty();

        PublishedRun.Name name = PublishedRun.name(there, here);

        assertThat(name).isEqualTo(new PublishedRun.Name(0, Optional.empty(), true));
        Map<String, String> resumed = PublishedRun.settings(name.of(here));
        Map<String, String> stateFromBefore = new TreeMap<>(resumed);
        assertThat(stateFromBefore.remove("inputs")).isNotNull();
        assertThat(PublishedRun.difference(stateFromBefore, resumed)).isEmpty();
        assertThat(PublishedRun.name(Records.run(here), here).of(here).layers())
                .as("a run that has inputs goes on with them")
                .isEqualTo(1);
    }

    @Test
    void shouldReplaceARunFromBeforeInputsByOneWithThem() {
        RunDescription here = described();
        Run there =
                Run.newBuilder(Records.run(here.withInputs(0, 0))).setSeed(7).build();

        PublishedRun.Name name = PublishedRun.name(there, here);

        assertThat(name.replaced()).hasValue("seed is 7 there and 0 here");
        assertThat(name.of(here).layers()).isEqualTo(1);
        assertThat(name.of(here).generation()).isEqualTo(1);
    }

    private static RunDescription described() {
        ModelConfig config = ModelConfig.llama(new ModelSizes(64, 32, 1, 2, 2, 16, 64, 64), true);
        ClassTokens classes = new ClassTokens(List.of(new ClassToken("A", 3), new ClassToken("B", 4)));
        RunDescription run = new RunDescription(
                "r",
                "model",
                "sha256:0",
                Adapter.initialise(
                        config, new LoraSettings(2, 4, 0, false, LoraTargets.of("q_proj")), classes.ids(), 0),
                classes,
                PromptForm.PAPER,
                64,
                KfacApproximation.EXPAND,
                io.calibrant.trainer.curvature.FisherType.EXACT,
                2,
                8,
                0,
                Map.of(),
                TrainingTexts.of(List.of()),
                0);
        return run.withInputs(1, 32);
    }

    @Test
    void shouldNameTheFirstDifferenceWithBothValues() {
        assertThat(PublishedRun.difference(
                        THERE, Run.newBuilder(THERE).setRank(null).build()))
                .hasValue("rank is 10 there and nothing here");
        assertThat(PublishedRun.difference(
                        THERE, Run.newBuilder(THERE).setFisher(FisherType.MC).build()))
                .hasValue("fisher is EXACT there and MC here");
        assertThat(PublishedRun.difference(
                        THERE,
                        Run.newBuilder(THERE)
                                .setSettings(Map.of("steps", "400", "batchSize", "8"))
                                .build()))
                .hasValue("batchSize is 4 there and 8 here");
        assertThat(PublishedRun.difference(
                        THERE,
                        Run.newBuilder(THERE)
                                .setSettings(Map.of("steps", "400"))
                                .build()))
                .hasValue("batchSize is 4 there and nothing here");
        Run wide =
                Run.newBuilder(THERE).setLoraTargets(List.of("a".repeat(100))).build();
        assertThat(PublishedRun.difference(THERE, wide))
                .hasValue("loraTargets is [] there and [" + "a".repeat(59) + "... here");
    }
}
