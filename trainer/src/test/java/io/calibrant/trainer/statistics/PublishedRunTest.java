package io.calibrant.trainer.statistics;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.FisherType;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.registry.TrustedRecords;
import io.calibrant.trainer.prompts.PromptForm;
import java.util.List;
import java.util.Map;
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
