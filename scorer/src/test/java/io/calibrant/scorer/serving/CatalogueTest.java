package io.calibrant.scorer.serving;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.Topics;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorForm;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.TaskType;
import io.calibrant.schemas.reading.ReadResult;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class CatalogueTest {
    private static final Connection CONNECTION = Connection.to("127.0.0.1:9092", "mock://catalogue");
    private static final Topics TOPICS = CONNECTION.topics();
    private static final List<String> BLOCKS = List.of("m.lora_A", "m.lora_B");

    private final Catalogue catalogue = new Catalogue(CONNECTION, List.of("run", "second"));
    private long offset;

    @Test
    void shouldServeACompletePosteriorOnceAllItStandsOnIsHere() {
        assertThat(waitingFor()).contains("run 'run' is not on the topics");
        run("run");
        assertThat(waitingFor()).contains("no posterior of fit 'default'");
        posterior("step-4", 1, PosteriorState.LIVE, 3, 100);
        assertThat(waitingFor()).contains("not complete", "3 of 5");
        posterior("step-4", 2, PosteriorState.COMPLETE, 5, 200);
        assertThat(waitingFor()).contains("the adapter of run 'run', checkpoint step-4 lacks block m.lora_A");
        adapter("step-4");
        assertThat(waitingFor()).contains("factors of block m.lora_A at 5 batches");
        factor("step-4", "m.lora_A", 5);
        factor("step-4", "m.lora_B", 4);
        assertThat(catalogue.newest("run", "default")).isEmpty();
        assertThat(waitingFor()).contains("factors of block m.lora_B at 5 batches");
        factor("step-4", "m.lora_B", 5);

        ServablePosterior servable = catalogue.newest("run", "default").orElseThrow();

        assertThat(servable.posterior().getVersion()).isEqualTo(2);
        assertThat(servable.id()).isEqualTo("step-4 fit default version 2");
        // The places of the last record of each key.
        assertThat(servable.adapter()).containsOnlyKeys(BLOCKS);
        assertThat(servable.adapter().get("m.lora_A"))
                .isEqualTo(new RecordPosition(new TopicPartition(TOPICS.adapters(), 0), 3));
        assertThat(servable.factors().get("m.lora_B"))
                .isEqualTo(new RecordPosition(new TopicPartition(TOPICS.factors(), 0), 7));
    }

    @Test
    void shouldTakeThePartsInAnyOrder() {
        factor("step-4", "m.lora_B", 5);
        posterior("step-4", 1, PosteriorState.COMPLETE, 5, 200);
        adapter("step-4");
        factor("step-4", "m.lora_A", 5);
        assertThat(newest()).isEmpty();
        run("run");
        assertThat(newest()).contains("step-4 fit default version 1");
    }

    @Test
    void shouldKeepTheOlderPosteriorUntilTheNewerIsWhole() {
        run("run");
        whole("step-4", 200);
        posterior("step-8", 1, PosteriorState.COMPLETE, 5, 300);
        adapter("step-8");
        factor("step-8", "m.lora_A", 5);
        assertThat(newest()).contains("step-4 fit default version 1");
        factor("step-8", "m.lora_B", 5);
        assertThat(newest()).contains("step-8 fit default version 1");
        // A late record of the older checkpoint changes nothing, a new version of the newer one does.
        posterior("step-4", 2, PosteriorState.COMPLETE, 5, 250);
        assertThat(newest()).contains("step-8 fit default version 1");
        posterior("step-8", 2, PosteriorState.COMPLETE, 5, 300);
        assertThat(newest()).contains("step-8 fit default version 2");
    }

    @Test
    void shouldServeAPartOfAPassToThoseWhoNameItOnly() {
        run("run");
        whole("step-4", 200);
        BLOCKS.forEach(block -> factor("step-4", block, 3, "part"));
        posterior("step-4", 1, PosteriorState.PARTIAL, 3, 300, "part");
        assertThat(newest("run", "part")).contains("step-4 fit part version 1");
        assertThat(newest("run", ServingSettings.LATEST_COMPLETE)).contains("step-4 fit default version 1");
    }

    @Test
    void shouldTellTheFitsOfARunApartAndFindTheOneCompletedLast() {
        run("run");
        whole("step-4", 200);
        String other = "layerwise";
        BLOCKS.forEach(block -> factor("step-4", block, 5, other));
        posterior("step-4", 1, PosteriorState.COMPLETE, 5, 300, other);
        assertThat(newest()).contains("step-4 fit default version 1");
        assertThat(newest("run", other)).contains("step-4 fit layerwise version 1");
        assertThat(newest("run", ServingSettings.LATEST_COMPLETE)).contains("step-4 fit layerwise version 1");
        // One that is newer, but not complete, does not count.
        posterior("step-8", 1, PosteriorState.LIVE, 2, 400);
        assertThat(newest("run", ServingSettings.LATEST_COMPLETE)).contains("step-4 fit layerwise version 1");
        assertThat(newest("run", "unheard")).isEmpty();
        assertThat(catalogue.waitingFor("run", "unheard"))
                .contains("no posterior of fit 'unheard'", "[default, layerwise]");
        assertThat(catalogue.waitingFor("second", ServingSettings.LATEST_COMPLETE))
                .contains("run 'second' is not on the topics");
    }

    @Test
    void shouldDropOtherRunsByTheirKeyAloneButKnowThatTheyExist() {
        byte[] garbage = {1, 2, 3};
        assertThat(catalogue.knows("other")).isFalse();
        assertThat(accept(TOPICS.runs(), "other", garbage)).isFalse();
        assertThat(catalogue.knows("other")).isTrue();
        assertThat(accept(TOPICS.posteriors(), Keys.fit("other", "step-4", "default"), garbage))
                .isFalse();
        assertThat(accept(TOPICS.adapters(), null, garbage)).isFalse();
        accept(TOPICS.runs(), "other", null);
        assertThat(catalogue.knows("other")).isFalse();
    }

    @Test
    void shouldPassOverARecordThatCannotBeRead() {
        run("run");
        whole("step-4", 200);
        assertThat(accept(TOPICS.posteriors(), Keys.fit("run", "step-4", "default"), new byte[] {1, 2, 3}))
                .isFalse();
        assertThat(newest()).contains("step-4 fit default version 1");
    }

    @Test
    void shouldSayWhichRecordIsToBlameWhereSomethingIsMissed() {
        accept(TOPICS.runs(), "run", new byte[] {1, 2, 3});
        assertThat(waitingFor())
                .contains(
                        "run 'run' is not on the topics yet",
                        "topic " + TOPICS.runs() + " at partition 0 offset 0",
                        "magic byte");
        run("run");
        adapter("step-4");
        accept(TOPICS.adapters(), Keys.block("run", "step-8", "m.lora_A"), new byte[] {1, 2, 3});
        posterior("step-8", 1, PosteriorState.COMPLETE, 5, 200);
        assertThat(waitingFor())
                .contains("lacks block m.lora_A", "topic " + TOPICS.adapters() + " at partition 0 offset 4");
        adapter("step-8");
        factor("step-8", "m.lora_A", 5);
        accept(TOPICS.factors(), Keys.blockFit("run", "step-8", "m.lora_B", "default"), new byte[] {1, 2, 3});
        assertThat(waitingFor())
                .contains("factors of block m.lora_B", "topic " + TOPICS.factors() + " at partition 0 offset 9");
        factor("step-8", "m.lora_B", 5);
        assertThat(newest()).contains("step-8 fit default version 1");
        accept(TOPICS.posteriors(), Keys.fit("run", "step-8", "other"), new byte[] {1, 2, 3});
        assertThat(catalogue.waitingFor("run", "other"))
                .contains("no posterior of fit 'other'", "topic " + TOPICS.posteriors() + " at partition 0 offset 11");
    }

    @Test
    void shouldLeaveWeightsInUseWhereThoseOfAnotherShapeCome() {
        run("run");
        whole("step-4", 200);
        RecordPosition good =
                catalogue.newest("run", "default").orElseThrow().adapter().get("m.lora_A");
        assertThat(adapter(junk("m.lora_A"))).as("it is refused").isFalse();
        assertThat(catalogue.newest("run", "default").orElseThrow().adapter()).containsEntry("m.lora_A", good);
    }

    /** Whether the run or its adapter is read first at a start is not known. */
    @Test
    void shouldFindTheWeightsOfTheRunsShapeThoughTheRunComesLast() {
        whole("step-4", 200);
        adapter(junk("m.lora_A"));
        run("run");
        assertThat(newest()).contains("step-4 fit default version 1");
        accept(TOPICS.adapters(), Keys.block("run", "step-4", "m.lora_A"), null);
        adapter(junk("m.lora_A"));
        assertThat(waitingFor())
                .contains(
                        "lacks block m.lora_A of shape [2, 3], there is [[1, 2]]",
                        "shape of weight must be [2, 3], as the run says, got");
    }

    /** Else each turn would fetch all the others again, and never say why. */
    @Test
    void shouldWaitForWeightsThatAreNoBlockAndRefuseAHeadThatIsMissing() {
        Run.Builder classifier = Run.newBuilder(record("run"))
                .setTaskType(TaskType.SEQ_CLS)
                .setClassTokens(List.of(new ClassToken("food", 0), new ClassToken("number", 1)));
        send(classifier.build());
        assertThat(waitingFor()).contains("outputs of score must be one for each of 2 or more classTokens (2)");
        send(classifier
                .setSavedWeights(List.of(new Block("score", 2, 3, Side.INPUT)))
                .build());
        whole("step-4", 100);
        assertThat(waitingFor()).contains("the adapter of run 'run', checkpoint step-4 lacks block score");
        adapter(AdapterBlock.newBuilder(junk("score"))
                .setWeight(Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3))
                .build());

        ServablePosterior servable = catalogue.newest("run", "default").orElseThrow();

        assertThat(servable.adapter()).containsOnlyKeys("m.lora_A", "m.lora_B", "score");
        assertThat(servable.factors()).containsOnlyKeys(BLOCKS);
    }

    @Test
    void shouldForgetAPositionThatCompactionTookForARecordThatCannotBeUsed() {
        run("run");
        whole("step-4", 200);
        ServablePosterior servable = catalogue.newest("run", "default").orElseThrow();
        catalogue.gone(List.of(servable.factors().get("m.lora_A")));
        assertThat(newest()).as("the record that replaced it will arrive").isPresent();

        accept(TOPICS.factors(), Keys.blockFit("run", "step-4", "m.lora_A", "default"), new byte[] {1, 2, 3});
        assertThat(newest()).as("it is still there").isPresent();
        catalogue.gone(List.of(servable.factors().get("m.lora_A")));
        assertThat(newest()).isEmpty();
        assertThat(waitingFor()).contains("factors of block m.lora_A at 5 batches", "cannot be used");

        factor("step-4", "m.lora_A", 5);
        adapter(junk("m.lora_B"));
        catalogue.gone(List.of(servable.adapter().get("m.lora_B")));
        assertThat(waitingFor()).contains("lacks block m.lora_B", "cannot be used");
    }

    @Test
    void shouldForgetWhatIsDeleted() {
        run("run");
        whole("step-4", 200);
        whole("step-8", 300);
        Posterior deleted = catalogue.newest("run", "default").orElseThrow().posterior();
        assertThat(catalogue.holds(deleted)).isTrue();
        assertThat(accept(TOPICS.posteriors(), Keys.fit("run", "step-8", "default"), null))
                .isTrue();
        assertThat(newest()).contains("step-4 fit default version 1");
        assertThat(catalogue.holds(deleted)).isFalse();
        accept(TOPICS.posteriors(), Keys.fit("run", "step-4", "default"), null);
        assertThat(newest()).isEmpty();
    }

    @Test
    void shouldCallTheBasisTheSameWhereOnlyTemperatureDiffers() {
        run("run");
        whole("step-4", 200);
        Posterior one = catalogue.newest("run", "default").orElseThrow().posterior();
        Posterior calibrated =
                Posterior.newBuilder(one).setVersion(9).setTemperature(1.5).build();
        Posterior other = Posterior.newBuilder(one)
                .setBlocks(BLOCKS.stream()
                        .map(block -> new BlockPrecision(block, 4.0, 5L))
                        .toList())
                .build();
        assertThat(ServablePosterior.basis(calibrated)).isEqualTo(ServablePosterior.basis(one));
        assertThat(ServablePosterior.basis(other)).isNotEqualTo(ServablePosterior.basis(one));
    }

    private String waitingFor() {
        return catalogue.waitingFor("run", "default");
    }

    private Optional<String> newest() {
        return newest("run", "default");
    }

    private Optional<String> newest(String run, String fit) {
        return catalogue.newest(run, fit).map(ServablePosterior::id);
    }

    private boolean accept(String topic, String key, byte[] value) {
        ReadResult<Boolean> result = catalogue.accept(new ConsumerRecord<>(
                topic, 0, offset++, key == null ? null : key.getBytes(StandardCharsets.UTF_8), value));
        return result instanceof ReadResult.Read<Boolean> read && read.value();
    }

    private void whole(String checkpoint, long time) {
        adapter(checkpoint);
        BLOCKS.forEach(block -> factor(checkpoint, block, 5));
        posterior(checkpoint, 1, PosteriorState.COMPLETE, 5, time);
    }

    private void run(String id) {
        send(record(id));
    }

    private static Run record(String id) {
        return Run.newBuilder()
                .setRunId(id)
                .setBlocks(List.of(new Block("m.lora_A", 2, 3, Side.INPUT), new Block("m.lora_B", 4, 2, Side.GRADIENT)))
                .build();
    }

    private void send(Run run) {
        accept(TOPICS.runs(), run.getRunId(), CONNECTION.serializer(Run.class).serialize(TOPICS.runs(), run));
    }

    private void adapter(String checkpoint) {
        for (String block : BLOCKS) {
            AdapterBlock record = AdapterBlock.newBuilder()
                    .setRunId("run")
                    .setCheckpoint(checkpoint)
                    .setBlock(block)
                    .setWeight(
                            block.endsWith("A")
                                    ? Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3)
                                    : Tensors.of(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 4, 2))
                    .build();
            adapter(record);
        }
    }

    private boolean adapter(AdapterBlock record) {
        return accept(
                TOPICS.adapters(),
                Keys.block("run", record.getCheckpoint(), record.getBlock()),
                CONNECTION.serializer(AdapterBlock.class).serialize(TOPICS.adapters(), record));
    }

    private static AdapterBlock junk(String block) {
        return AdapterBlock.newBuilder()
                .setRunId("run")
                .setCheckpoint("step-4")
                .setBlock(block)
                .setWeight(Tensors.of(new float[] {1, 2}, 1, 2))
                .build();
    }

    private void factor(String checkpoint, String block, long batches) {
        factor(checkpoint, block, batches, "default");
    }

    private void factor(String checkpoint, String block, long batches, String fit) {
        Factor factor = Factor.newBuilder()
                .setRunId("run")
                .setCheckpoint(checkpoint)
                .setBlock(block)
                .setFit(fit)
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
        accept(
                TOPICS.factors(),
                Keys.blockFit("run", checkpoint, block, fit),
                CONNECTION.serializer(Factor.class).serialize(TOPICS.factors(), factor));
    }

    private void posterior(String checkpoint, long version, PosteriorState state, long batches, long time) {
        posterior(checkpoint, version, state, batches, time, "default");
    }

    private void posterior(String checkpoint, long version, PosteriorState state, long batches, long time, String fit) {
        Posterior posterior = Posterior.newBuilder()
                .setRunId("run")
                .setCheckpoint(checkpoint)
                .setFit(fit)
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
        accept(
                TOPICS.posteriors(),
                Keys.fit("run", checkpoint, fit),
                CONNECTION.serializer(Posterior.class).serialize(TOPICS.posteriors(), posterior));
    }
}
