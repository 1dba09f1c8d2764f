package io.calibrant.infra.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.infra.live.LiveState;
import io.calibrant.schemas.avro.Phase;
import io.calibrant.schemas.avro.Progress;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.registry.TrustedRecords;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class SectionsTest {
    private static final long HEARD = 1_000_000;

    static {
        TrustedRecords.trust();
    }

    private static JsonNode run(Phase phase, long now) {
        LiveState state = new LiveState();
        state.run("r1", Run.newBuilder().setRunId("r1").setModelId("tiny").build());
        state.progress(Progress.newBuilder()
                .setRunId("r1")
                .setPhase(phase)
                .setStep(40)
                .setSteps(400)
                .setTimestamp(Instant.ofEpochMilli(HEARD))
                .build());
        return Sections.of(state, new Feed.Health(false, "", List.of()), new PageSelection(null, null, null, null), now)
                .get("overview")
                .get("runs")
                .get(0);
    }

    @Test
    void shouldTellADeadTrainerFromALiveOne() {
        assertThat(run(Phase.FINE_TUNING, HEARD + 5000).get("silent").asBoolean())
                .isFalse();
        JsonNode dead = run(Phase.FINE_TUNING, HEARD + 600_000);
        assertThat(dead.get("silent").asBoolean()).isTrue();
        assertThat(dead.get("heard").asLong()).isEqualTo(HEARD);
        assertThat(run(Phase.DONE, HEARD + 600_000).get("silent").asBoolean()).isFalse();
    }
}
