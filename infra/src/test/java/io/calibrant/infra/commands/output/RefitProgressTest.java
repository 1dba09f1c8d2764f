package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.registry.TrustedRecords;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RefitProgressTest {
    static {
        TrustedRecords.trust();
    }

    private final List<String> lines = new ArrayList<>();
    private final AtomicLong nanos = new AtomicLong(5);

    @Test
    void shouldCountTheBatchesOfAllCheckpointsAndSayWhatRemains() {
        RefitProgress progress = new RefitProgress(lines::add, nanos::get, Map.of("step-1", 40L, "step-2", 60L));
        at(progress, 0, "step-1", 10);
        at(progress, 0.5, "step-1", 12); // no line a second has passed since
        at(progress, 2, "step-1", 20);
        at(progress, 3, "step-2", 10);
        at(progress, 3.1, "step-2", 9); // of another thread, late
        at(progress, 8, "step-1", 40);
        at(progress, 8.2, "step-2", 60);
        assertThat(lines)
                .containsExactly(
                        "10 of 100 batches folded",
                        "20 of 100 batches folded, about 16 s remain",
                        "30 of 100 batches folded, about 11 s remain",
                        "50 of 100 batches folded, about 10 s remain",
                        "100 of 100 batches folded");
    }

    @Test
    void shouldGoOnFromWhereItWas() {
        RefitProgress progress = new RefitProgress(lines::add, nanos::get, Map.of("step-1", 40L));
        at(progress, 100, "step-1", 30);
        at(progress, 102, "step-1", 35);
        assertThat(lines).containsExactly("30 of 40 batches folded", "35 of 40 batches folded, about 2 s remain");
    }

    private void at(RefitProgress progress, double seconds, String checkpoint, long batches) {
        nanos.set(5 + Math.round(seconds * 1e9));
        progress.accept(Posterior.newBuilder()
                .setRunId("r")
                .setCheckpoint(checkpoint)
                .setFit("f")
                .setVersion(1)
                .setBatches(batches)
                .setLogEvidence(0)
                .setLogLikelihood(0)
                .setEffectiveParameters(0)
                .setCapturedEnergy(0)
                .build());
    }
}
