package io.calibrant.scorer.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class PosteriorAssemblyTest {
    private static final Connection CONNECTION = Connection.to("127.0.0.1:9092", "mock://posterior-assembly");
    private static final Topics TOPICS = CONNECTION.topics();
    private static final List<String> BLOCKS = List.of("m.lora_A", "m.lora_B");

    private final PosteriorAssembly assembly = new PosteriorAssembly(CONNECTION, "run", "default");

    @Test
    void shouldServeACompletePosteriorOnceAllItStandsOnIsHere() {
        assertThat(assembly.waitingFor()).contains("run 'run' is not on the topics");
        run();
        assertThat(assembly.waitingFor()).contains("no posterior of fit 'default'");
        posterior("step-4", 1, PosteriorState.LIVE, 3, 100);
        assertThat(assembly.waitingFor()).contains("not complete: 3 of 5");
        posterior("step-4", 2, PosteriorState.COMPLETE, 5, 200);
        assertThat(assembly.waitingFor()).contains("adapter of checkpoint step-4 lacks block m.lora_A");
        adapter("step-4");
        assertThat(assembly.waitingFor()).contains("factors of block m.lora_A at 5 batches");
        factor("step-4", "m.lora_A", 5);
        factor("step-4", "m.lora_B", 4);
        assertThat(assembly.newest()).isEmpty();
        assertThat(assembly.waitingFor()).contains("factors of block m.lora_B at 5 batches");
        factor("step-4", "m.lora_B", 5);

        Snapshot snapshot = assembly.newest().orElseThrow();

        assertThat(snapshot.posterior().getVersion()).isEqualTo(2);
        assertThat(snapshot.adapter()).containsOnlyKeys(BLOCKS);
        assertThat(snapshot.blocks()).extracting(b -> b.block()).containsExactlyElementsOf(BLOCKS);
        assertThat(snapshot.blocks()).allSatisfy(b -> assertThat(b.lambda()).isEqualTo(3));
        assertThat(assembly.newestId()).contains("step-4 version 2");
    }

    @Test
    void shouldTakeThePartsInAnyOrder() {
        factor("step-4", "m.lora_B", 5);
        posterior("step-4", 1, PosteriorState.COMPLETE, 5, 200);
        adapter("step-4");
        factor("step-4", "m.lora_A", 5);
        assertThat(assembly.newestId()).isEmpty();
        run();
        assertThat(assembly.newestId()).contains("step-4 version 1");
    }

    @Test
    void shouldKeepTheOlderPosteriorUntilTheNewerIsWhole() {
        run();
        whole("step-4", 200);
        posterior("step-8", 1, PosteriorState.COMPLETE, 5, 300);
        adapter("step-8");
        factor("step-8", "m.lora_A", 5);
        assertThat(assembly.newestId()).contains("step-4 version 1");
        factor("step-8", "m.lora_B", 5);
        assertThat(assembly.newestId()).contains("step-8 version 1");
        // A late record of the older checkpoint changes nothing, a new version of the newer one does.
        posterior("step-4", 2, PosteriorState.COMPLETE, 5, 250);
        assertThat(assembly.newestId()).contains("step-8 version 1");
        posterior("step-8", 2, PosteriorState.COMPLETE, 5, 300);
        assertThat(assembly.newestId()).contains("step-8 version 2");
    }

    @Test
    void shouldDropOtherRunsAndFitsByTheirKeyAlone() {
        byte[] garbage = {1, 2, 3};
        assertThat(assembly.accept(TOPICS.runs(), "other", garbage)).isFalse();
        assertThat(assembly.accept(TOPICS.posteriors(), Keys.fit("other", "step-4", "default"), garbage))
                .isFalse();
        assertThat(assembly.accept(TOPICS.posteriors(), Keys.fit("run", "step-4", "refit"), garbage))
                .isFalse();
        assertThat(assembly.accept(TOPICS.factors(), Keys.blockFit("run", "step-4", "m.lora_A", "refit"), garbage))
                .isFalse();
        assertThat(assembly.accept(TOPICS.adapters(), null, garbage)).isFalse();
    }

    @Test
    void shouldForgetWhatIsDeleted() {
        run();
        whole("step-4", 200);
        assertThat(assembly.accept(TOPICS.posteriors(), Keys.fit("run", "step-4", "default"), null))
                .isTrue();
        assertThat(assembly.newestId()).isEmpty();
    }

    private void whole(String checkpoint, long time) {
        adapter(checkpoint);
        BLOCKS.forEach(block -> factor(checkpoint, block, 5));
        posterior(checkpoint, 1, PosteriorState.COMPLETE, 5, time);
    }

    private void run() {
        Run run = Run.newBuilder()
                .setRunId("run")
                .setBlocks(List.of(new Block("m.lora_A", 2, 3, Side.INPUT), new Block("m.lora_B", 4, 2, Side.GRADIENT)))
                .build();
        assembly.accept(TOPICS.runs(), "run", CONNECTION.serializer(Run.class).serialize(TOPICS.runs(), run));
    }

    private void adapter(String checkpoint) {
        for (String block : BLOCKS) {
            AdapterBlock record = AdapterBlock.newBuilder()
                    .setRunId("run")
                    .setCheckpoint(checkpoint)
                    .setBlock(block)
                    .setWeight(Tensors.of(new float[] {1, 2}, 1, 2))
                    .build();
            assembly.accept(
                    TOPICS.adapters(),
                    Keys.block("run", checkpoint, block),
                    CONNECTION.serializer(AdapterBlock.class).serialize(TOPICS.adapters(), record));
        }
    }

    private void factor(String checkpoint, String block, long batches) {
        Factor factor = Factor.newBuilder()
                .setRunId("run")
                .setCheckpoint(checkpoint)
                .setBlock(block)
                .setFit("default")
                .setForm(FactorForm.FULL)
                .setLarge(Tensors.of(new double[] {2, 0, 0, 1}, 2, 2))
                .setSmall(Tensors.of(new double[] {1}, 1, 1))
                .setN(10)
                .setExamples(10)
                .setTrace(3)
                .setLogLikelihood(-1)
                .setSquaredNorm(1)
                .setBatches(batches)
                .build();
        assembly.accept(
                TOPICS.factors(),
                Keys.blockFit("run", checkpoint, block, "default"),
                CONNECTION.serializer(Factor.class).serialize(TOPICS.factors(), factor));
    }

    private void posterior(String checkpoint, long version, PosteriorState state, long batches, long time) {
        Posterior posterior = Posterior.newBuilder()
                .setRunId("run")
                .setCheckpoint(checkpoint)
                .setFit("default")
                .setVersion(version)
                .setState(state)
                .setBatches(batches)
                .setBatchesExpected(5L)
                .setBlocks(BLOCKS.stream()
                        .map(block -> new BlockPrecision(block, 3.0, batches))
                        .toList())
                .setLogEvidence(-1)
                .setLogLikelihood(-1)
                .setEffectiveParameters(1)
                .setCapturedEnergy(1)
                .setTimestamp(Instant.ofEpochMilli(time))
                .build();
        assembly.accept(
                TOPICS.posteriors(),
                Keys.fit("run", checkpoint, "default"),
                CONNECTION.serializer(Posterior.class).serialize(TOPICS.posteriors(), posterior));
    }
}
