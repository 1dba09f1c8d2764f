package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.CalibrationMember;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.TierMembers;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FitProgressTest {
    static {
        TrustedRecords.trust();
    }

    private final List<String> lines = new ArrayList<>();
    private long now = 5_000_000_000L;
    private final FitProgress progress = new FitProgress(lines::add, () -> now);

    @Test
    void shouldTellOnceASecondAndAtTheEndWhatRemains() {
        progress.accept(posterior(1, 4, PosteriorState.LIVE));
        now += 500_000_000L;
        progress.accept(posterior(2, 4, PosteriorState.LIVE));
        now += 3_500_000_000L;
        progress.accept(posterior(3, 4, PosteriorState.LIVE));
        progress.accept(posterior(4, 4, PosteriorState.COMPLETE));

        assertThat(lines).hasSize(3);
        assertThat(lines.get(0))
                .startsWith("r/step-1/default: 2 blocks, 1/4 batches, lambda 2")
                .contains(" to 5")
                .contains("log evidence -12.5")
                .doesNotContain("remain");
        assertThat(lines.get(1)).contains("3/4 batches").endsWith("about 2 s remain");
        assertThat(lines.get(2)).contains("4/4 batches").endsWith("complete");
    }

    @Test
    void shouldSayWhatLabelsDecided() {
        Posterior calibrated = posterior(4, 4, PosteriorState.COMPLETE);
        calibrated.setLabels(200);
        calibrated.setTemperature(1.75);
        calibrated.setCalibration(Calibration.AVERAGED);
        calibrated.setTiers(List.of(new TierMembers(
                "all",
                List.of(
                        new CalibrationMember("scaled", 1.0, 0.01, null, 0.25, -80.0),
                        new CalibrationMember("temperature", 1.75, 0.0, null, 0.75, -79.0)))));
        progress.accept(calibrated);
        assertThat(lines.get(0))
                .endsWith("calibrated on 200 labels: T 1.750, weights scaled 0.25, temperature 0.75, complete");
    }

    @Test
    void shouldSayWhichShardsItWaitsFor() {
        Posterior one = posterior(2, 6, PosteriorState.LIVE);
        one.setWaitsFor(List.of("1/3"));
        progress.accept(one);
        now += 1_000_000_000L;
        one.setWaitsFor(List.of("1/3", "2/3"));
        progress.accept(one);
        assertThat(lines.get(0)).contains("2/6 batches, waits for shard 1/3, lambda");
        assertThat(lines.get(1)).contains("2/6 batches, waits for shards 1/3, 2/3, lambda");
    }

    private static Posterior posterior(long batches, long expected, PosteriorState state) {
        return Posterior.newBuilder()
                .setRunId("r")
                .setCheckpoint("step-1")
                .setFit("default")
                .setVersion(batches)
                .setBatches(batches)
                .setBatchesExpected(expected)
                .setState(state)
                .setBlocks(List.of(new BlockPrecision("a", 2.0, batches), new BlockPrecision("b", 5.0, batches)))
                .setLogEvidence(-12.5)
                .setLogLikelihood(-3)
                .setEffectiveParameters(7)
                .setCapturedEnergy(1)
                .build();
    }
}
