package io.calibrant.scorer.serving;

import static io.calibrant.scorer.serving.ServedState.isFree;
import static io.calibrant.scorer.serving.ServedState.posteriors;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.QuestionText;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.TrainingTexts;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.ClassToken;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.schemas.avro.Run;
import io.calibrant.scorer.TinyModel;
import io.calibrant.scorer.TinyRun;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.BadQuestionException;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Without a broker, so that faults come when a test wants them; SwapIT has the keeper with real topics. */
class ModelKeeperTest {
    private static final Connection CONNECTION = Connection.to("127.0.0.1:9092", "mock://model-keeper");
    private static final Target DEFAULT = new Target("tiny", "default");

    @TempDir
    private static Path directory;

    private static BaseModel base;

    private final Catalogue catalogue = new Catalogue(CONNECTION, List.of("tiny"));
    private final Topics topics = new Topics(catalogue);
    private final Heard heard = new Heard();
    private final TinyRun run = new TinyRun(CONNECTION, false, List.of("A", "B"));
    private final ModelKeeper keeper = new ModelKeeper(
            CONNECTION,
            ServingSettings.of("tiny", directory),
            new ModelFactory(base, AnsweringSettings.DEFAULTS.withPoints(64)),
            catalogue,
            topics,
            heard);

    @BeforeAll
    static void load() throws IOException {
        TinyModel.write(directory);
        base = BaseModel.load(directory, ComputeDevice.CPU);
    }

    @AfterAll
    static void unload() {
        base.close();
    }

    @AfterEach
    void close() {
        keeper.close();
        assertThat(topics.closed).isTrue();
    }

    @Test
    void shouldServeWhatIsOnTheTopicsFromTheStart() {
        topics.publishAll(run);
        keeper.start();
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
        assertThat(keeper.table().awaitReady(Duration.ZERO)).isTrue();
        assertThat(heard.served).containsExactly(1L);
        assertThat(heard.waiting).isEmpty();
    }

    @Test
    void shouldSayOnceWhatItWaitsFor() {
        keeper.start();
        keeper.turn(Duration.ZERO);
        topics.publishRun(run);
        keeper.turn(Duration.ZERO);
        keeper.turn(Duration.ZERO);
        assertThat(heard.waiting)
                .containsExactly(
                        "run 'tiny' is not on the topics yet", "run 'tiny' has no posterior of fit 'default' yet");
        assertThat(keeper.table().awaitReady(Duration.ZERO)).isFalse();
    }

    /** A line that says what serves reads as if questions were taken: what is missing must stand below it. */
    @Test
    void shouldSayWhichRunIsMissingAfterTheOneThatIsThere() {
        List<String> lines = new ArrayList<>();
        ServingListener listener = new ServingListener() {
            @Override
            public void waiting(String reason) {
                lines.add(reason);
            }

            @Override
            public void serving(Posterior posterior) {
                lines.add("serving " + posterior.getRunId());
            }
        };
        Catalogue both = new Catalogue(CONNECTION, List.of("tiny", "other"));
        Topics arriving = new Topics(both);
        try (ModelKeeper two = new ModelKeeper(
                CONNECTION,
                ServingSettings.of("tiny", directory).withRuns(List.of("tiny", "other")),
                new ModelFactory(base, AnsweringSettings.DEFAULTS.withPoints(64)),
                both,
                arriving,
                listener)) {
            two.start();
            arriving.publishAll(run);
            two.turn(Duration.ZERO);
            assertThat(two.table().awaitReady(Duration.ZERO)).isFalse();
        }
        assertThat(lines)
                .containsExactly(
                        "run 'tiny' is not on the topics yet", "serving tiny", "run 'other' is not on the topics yet");
    }

    @Test
    void shouldReplaceAModelWithoutCopyingAgainWhatStaysTheSame() {
        topics.publishAll(run);
        keeper.start();
        TierPredictors first = predictors();

        topics.publish(run.posterior(2, PosteriorState.COMPLETE, 2)
                .setCalibration(Calibration.TEMPERATURE)
                .setTemperature(1.5)
                .build());
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 2L));
        assertThat(predictors()).isSameAs(first);

        topics.publish(run.posterior(3, PosteriorState.COMPLETE, 5).build());
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 3L));
        assertThat(predictors()).isNotSameAs(first);
        assertThat(predictors().weights()).isSameAs(first.weights());
        assertThat(isFree(first)).isTrue();
        assertThat(heard.served).containsExactly(1L, 2L, 3L);
    }

    @Test
    void shouldStopWhereTheFirstPosteriorOfItsRunDoesNotFitTheModel() {
        Run wider = Run.newBuilder(run.run(""))
                .setBlocks(run.run("").getBlocks().stream()
                        .map(block -> block.getName().endsWith("lora_A")
                                ? new Block(block.getName(), block.getOutputs(), 17, block.getLargeSide())
                                : block)
                        .toList())
                .build();
        topics.add(CONNECTION.topics().runs(), "tiny", Run.class, wider);
        topics.publishFactors(run, "default");
        topics.publish(run.posterior(1, PosteriorState.COMPLETE, 2).build());
        run.adapter().forEach((block, record) -> {
            if (block.endsWith("lora_A")) {
                record.setWeight(Tensors.of(new float[2 * 17], 2, 17));
            }
            topics.add(CONNECTION.topics().adapters(), Keys.block("tiny", "step-3", block), AdapterBlock.class, record);
        });
        assertThatThrownBy(keeper::start)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the base model asks for [2, 16]");
    }

    @Test
    void shouldKeepTheOldModelWhereANewerOneDoesNotFit() {
        topics.publishAll(run);
        keeper.start();
        TinyRun next = new TinyRun(CONNECTION, "tiny", "step-4", "default", false, List.of("A", "B"));
        topics.publishAdapter(next, 3);
        topics.publishFactors(next, "default");
        topics.publish(next.posterior(2, PosteriorState.COMPLETE, 2).build());
        assertThat(keeper.table().newer()).isEqualTo(Map.of("tiny", 0));
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
        assertThat(heard.served).containsExactly(1L);
        assertThat(keeper.table().newer()).as("of the newer checkpoint").isEqualTo(Map.of("tiny", 1));
    }

    /** Versions alone do not tell: that of the older checkpoint is the newest one of its own. */
    @Test
    void shouldTellOfANewerCheckpointThatItDoesNotServe() {
        topics.publishRun(run);
        TinyRun next = new TinyRun(CONNECTION, "tiny", "step-4", "default", false, List.of("A", "B"));
        topics.publish(next.posterior(1, PosteriorState.LIVE, 2).build());
        keeper.start();
        assertThat(keeper.table().newer()).as("a pass that goes on").isEqualTo(Map.of("tiny", 0));
        topics.publish(next.posterior(2, PosteriorState.COMPLETE, 2).build());
        keeper.turn(Duration.ZERO);
        assertThat(keeper.table().newer()).as("nothing serves").isEqualTo(Map.of("tiny", 1));
        topics.publishAll(run);
        keeper.turn(Duration.ZERO);
        assertThat(versions()).as("the older checkpoint").isEqualTo(Map.of(DEFAULT, 1L));
        assertThat(keeper.table().newer()).as("its adapter is not there").isEqualTo(Map.of("tiny", 1));
        topics.publishAdapter(next, null);
        topics.publishFactors(next, "default");
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 2L));
        assertThat(keeper.table().newer()).isEqualTo(Map.of("tiny", 0));
    }

    /** Questions go on with what was served before, and then with the next good posterior. */
    @ParameterizedTest
    @EnumSource
    void shouldLeaveWhatIsServedInUseWhereARecordCannotBeUsed(Unusable record) {
        topics.publishAll(run);
        keeper.start();
        publish(record);
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
        topics.publish(run.posterior(5, PosteriorState.COMPLETE, 3).build());
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 5L));
        assertThat(heard.waiting).isEmpty();
    }

    /** The same at a start, which finds good and bad ones at once. */
    @ParameterizedTest
    @EnumSource
    void shouldStartWithWhatWasBeforeARecordThatCannotBeUsed(Unusable record) {
        topics.publishAll(run);
        publish(record);
        keeper.start();
        if (record == Unusable.TEMPERATURE_OF_NEARLY_ZERO) {
            // Only an answer shows it, and the record before it of its key is gone.
            assertThat(heard.waiting)
                    .singleElement()
                    .asString()
                    .startsWith("posterior step-3 fit default version 2 of run 'tiny' cannot be served: ");
        } else {
            assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
        }
    }

    private enum Unusable {
        LAMBDA_NAN,
        TEMPERATURE_ZERO,
        TEMPERATURE_OF_NEARLY_ZERO,
        VARIANCE_SCALE_NEGATIVE,
        POSTERIOR_UNDER_ANOTHER_KEY,
        RUN_UNDER_ANOTHER_KEY,
        RUN_OF_ANOTHER_RANK,
        RUN_WITH_A_CLASS_TWICE,
        ADAPTER_NO_RECORD,
        ADAPTER_NAN,
        ADAPTER_OF_ANOTHER_SHAPE,
        FACTOR_OF_NOTHING,
        FACTOR_NAN,
        FACTOR_NEGATIVE
    }

    private void publish(Unusable record) {
        Posterior.Builder newer = run.posterior(2, PosteriorState.COMPLETE, 2);
        String block = run.factors().keySet().iterator().next();
        String adapterKey = Keys.block("tiny", "step-3", block);
        Factor.Builder factor = Factor.newBuilder(run.factors().get(block));
        switch (record) {
            case LAMBDA_NAN ->
                topics.publish(
                        run.posterior(2, PosteriorState.COMPLETE, Double.NaN).build());
            case TEMPERATURE_ZERO ->
                topics.publish(newer.setCalibration(Calibration.TEMPERATURE)
                        .setTemperature(0.0)
                        .build());
            case TEMPERATURE_OF_NEARLY_ZERO ->
                topics.publish(newer.setCalibration(Calibration.TEMPERATURE)
                        .setTemperature(1e-320)
                        .build());
            case VARIANCE_SCALE_NEGATIVE ->
                topics.publish(newer.setCalibration(Calibration.TEMPERATURE_VARIANCE)
                        .setVarianceTemperature(1.0)
                        .setVarianceScale(-1.0)
                        .build());
            case POSTERIOR_UNDER_ANOTHER_KEY ->
                topics.add(
                        CONNECTION.topics().posteriors(),
                        Keys.fit("tiny", "step-3", "default"),
                        Posterior.class,
                        newer.setRunId("other").build());
            case RUN_UNDER_ANOTHER_KEY ->
                topics.add(
                        CONNECTION.topics().runs(),
                        "tiny",
                        Run.class,
                        Run.newBuilder(run.run("")).setRunId("other").build());
            case RUN_OF_ANOTHER_RANK ->
                topics.add(
                        CONNECTION.topics().runs(),
                        "tiny",
                        Run.class,
                        Run.newBuilder(run.run("")).setLoraRank(1).build());
            case RUN_WITH_A_CLASS_TWICE ->
                topics.add(
                        CONNECTION.topics().runs(),
                        "tiny",
                        Run.class,
                        Run.newBuilder(run.run(""))
                                .setClassTokens(List.of(new ClassToken("A", 7), new ClassToken("B", 7)))
                                .build());
            case ADAPTER_NO_RECORD -> topics.add(CONNECTION.topics().adapters(), adapterKey, new byte[] {'j'});
            case ADAPTER_NAN -> {
                AdapterBlock weights = run.adapter().get(block);
                weights.getWeight().getData().putFloat(0, Float.NaN);
                topics.add(CONNECTION.topics().adapters(), adapterKey, AdapterBlock.class, weights);
            }
            case ADAPTER_OF_ANOTHER_SHAPE -> {
                AdapterBlock weights = run.adapter().get(block);
                weights.setWeight(Tensors.of(new float[14], 2, 7));
                topics.add(CONNECTION.topics().adapters(), adapterKey, AdapterBlock.class, weights);
            }
            case FACTOR_OF_NOTHING ->
                topics.publishFactor(factor.setLarge(Tensors.of(new double[0], 0, 0))
                        .setSmall(Tensors.of(new double[0], 0, 0))
                        .build());
            case FACTOR_NAN ->
                topics.publishFactor(factor.setSmall(Tensors.of(new double[] {1, Double.NaN, Double.NaN, 1}, 2, 2))
                        .build());
            case FACTOR_NEGATIVE ->
                topics.publishFactor(factor.setSmall(Tensors.of(new double[] {-1, 0, 0, -2}, 2, 2))
                        .build());
        }
    }

    /** Weights may be finite and their products not: then no question has an answer, and none is to be taken. */
    @Test
    void shouldNotServeAnAdapterWithWhichNoQuestionHasAnAnswer() {
        topics.publishAll(run);
        TinyRun next = new TinyRun(CONNECTION, "tiny", "step-4", "default", false, List.of("A", "B"));
        next.adapter().forEach((block, record) -> {
            for (int i = 0; i < record.getWeight().getData().remaining(); i += Float.BYTES) {
                record.getWeight().getData().putFloat(i, 1e30f);
            }
            topics.add(CONNECTION.topics().adapters(), Keys.block("tiny", "step-4", block), AdapterBlock.class, record);
        });
        topics.publishFactors(next, "default");
        topics.publish(next.posterior(2, PosteriorState.COMPLETE, 2).build());
        keeper.start();
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
        assertThat(heard.served).containsExactly(1L);
    }

    @Test
    void shouldServeAnOlderCheckpointWhereTheNewestCannotBe() {
        topics.publishAll(run);
        TinyRun next = new TinyRun(CONNECTION, "tiny", "step-4", "default", false, List.of("A", "B"));
        topics.publishAdapter(next, null);
        topics.publishFactors(next, "default");
        String block = next.factors().keySet().iterator().next();
        int d = next.factors().get(block).getLarge().getShape().get(0);
        double[] negative = new double[d * d];
        for (int i = 0; i < d; i++) {
            negative[i * d + i] = -1;
        }
        topics.publishFactor(Factor.newBuilder(next.factors().get(block))
                .setLarge(Tensors.of(negative, d, d))
                .build());
        topics.publish(next.posterior(2, PosteriorState.COMPLETE, 2).build());
        keeper.start();
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));

        topics.publishFactors(next, "default");
        keeper.turn(Duration.ZERO);
        assertThat(versions()).as("the factor is mended").isEqualTo(Map.of(DEFAULT, 2L));
    }

    @Test
    void shouldRefuseATargetThatIsAskedForAndDoesNotFitWithTheReason() {
        topics.publishAll(run);
        keeper.start();
        TinyRun other = new TinyRun(CONNECTION, "tiny", "step-4", "other", false, List.of("A", "B"));
        topics.publishAdapter(other, 3);
        topics.publishFactors(other, "other");
        topics.publish(other.posterior(1, PosteriorState.COMPLETE, 2).build());
        Target target = new Target("tiny", "other");
        try (Lease lease = asked(target)) {
            assertThat(lease.models()).isEmpty();
            assertThat(lease.refusals().get(target))
                    .contains("lacks block", "shape of weight must be [2, 16], as the run says, got");
        }
        try (Lease lease = asked(new Target("tiny", "unheard"))) {
            assertThat(lease.refusals().values()).singleElement().asString().contains("no posterior of fit 'unheard'");
        }
    }

    /** The catalogue has the newer posterior already: without the memory of it the models would stay behind. */
    @Test
    void shouldDoAgainAfterAnOutageWhatATurnDidNot() {
        topics.publishAll(run);
        keeper.start();
        topics.publish(run.posterior(2, PosteriorState.COMPLETE, 5).build());
        topics.down = true;
        assertThatThrownBy(() -> keeper.turn(Duration.ZERO)).isInstanceOf(TimeoutException.class);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
        topics.down = false;
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 2L));
    }

    /** Records of a poll are in the catalogue though a later one of it could not be read. */
    @Test
    void shouldServeWhatCameBeforeAPollFailed() {
        topics.publishAll(run);
        keeper.start();
        topics.publish(run.posterior(2, PosteriorState.COMPLETE, 5).build());
        topics.failing = true;
        assertThatThrownBy(() -> keeper.turn(Duration.ZERO)).isInstanceOf(TimeoutException.class);
        topics.failing = false;
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 2L));
    }

    @Test
    void shouldTryAgainWhereCompactionHasTakenAPartAway() {
        topics.publishAll(run);
        topics.compacted = true;
        keeper.start();
        assertThat(versions()).isEmpty();
        topics.compacted = false;
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
    }

    @Test
    void shouldSayWhatItMissesWhereCompactionHasKeptOnlyARecordThatCannotBeUsed() {
        topics.publishAll(run);
        String block = run.factors().keySet().iterator().next();
        String key = Keys.blockFit("tiny", "step-3", block, "default");
        RecordPosition good = topics.last(CONNECTION.topics().factors(), key);
        topics.add(CONNECTION.topics().factors(), key, new byte[] {'j'});
        topics.all.remove(good);
        keeper.start();
        assertThat(versions()).isEmpty();
        assertThat(heard.waiting).singleElement().asString().contains("factors of block " + block, "cannot be used");
        int fetches = topics.fetches;
        keeper.turn(Duration.ZERO);
        keeper.turn(Duration.ZERO);
        assertThat(topics.fetches).isEqualTo(fetches);
        topics.publishFactors(run, "default");
        keeper.turn(Duration.ZERO);
        assertThat(versions()).isEqualTo(Map.of(DEFAULT, 1L));
    }

    /**
     * Our own senders leave it out; a client of another kind need not, and its answer would be surer than any other.
     */
    @Test
    void shouldBeValidatedByNoTextThatItsRunWasTrainedOn() throws Exception {
        List<Choice> choices = List.of(new Choice("A", "red"), new Choice("B", "green"));
        Question trained = new Question("other-id", "Which  one?", null, choices, null);
        Run record = run.run("");
        record.setTrainingTexts(TrainingTexts.of(
                        List.of(QuestionText.of("Which one?", null, choices, Choice::label, Choice::text, null)))
                .bytes());
        topics.publishAll(run);
        topics.publishRun(record);
        keeper.start();
        try (Lease lease = keeper.table().lease(Set.of(DEFAULT), Set.of(), false)) {
            FitModel model = lease.models().get(DEFAULT);
            assertThatThrownBy(() -> model.read(trained, Purpose.VALIDATION))
                    .isInstanceOf(BadQuestionException.class)
                    .hasMessage(
                            "validation question 'other-id' must be one that run 'tiny' was not trained on, got 'the"
                                    + " text of a training question'");
            assertThat(model.read(trained, Purpose.ANSWER).question()).isEqualTo(trained);
            Question unseen = new Question("trained-id", "Which two?", null, choices, null);
            assertThat(model.read(unseen, Purpose.VALIDATION).question()).isEqualTo(unseen);
        }
    }

    @Test
    void shouldGiveLogitsOfMoreTokensToThoseWhoAsk() {
        topics.publishAll(run);
        keeper.start();
        int more = 9;
        CompletableFuture<Lease> asking = CompletableFuture.supplyAsync(
                () -> keeper.table().leaseWith(Map.of("tiny", Set.of(more)), Set.of(DEFAULT)));
        try (Lease lease = turnsUntil(asking)) {
            assertThat(lease.models().get(DEFAULT).tokens()).contains(more);
        }
        // A later posterior has them, too.
        topics.publish(run.posterior(2, PosteriorState.COMPLETE, 5).build());
        keeper.turn(Duration.ZERO);
        try (Lease lease = keeper.table().lease(Set.of(DEFAULT), Set.of(), false)) {
            assertThat(lease.models().get(DEFAULT).posterior().getVersion()).isEqualTo(2);
            assertThat(lease.models().get(DEFAULT).tokens()).contains(more);
        }
    }

    private Map<Target, Long> versions() {
        Map<Target, Long> versions = new HashMap<>();
        posteriors(keeper.table()).forEach((target, posterior) -> versions.put(target, posterior.getVersion()));
        return versions;
    }

    private TierPredictors predictors() {
        try (Lease lease = keeper.table().lease(Set.of(DEFAULT), Set.of(), false)) {
            return lease.models().get(DEFAULT).predictors();
        }
    }

    private Lease asked(Target target) {
        return turnsUntil(CompletableFuture.supplyAsync(() -> keeper.table().lease(Set.of(target), Set.of(), false)));
    }

    private Lease turnsUntil(CompletableFuture<Lease> asking) {
        await().atMost(Duration.ofSeconds(30)).until(() -> {
            keeper.turn(Duration.ZERO);
            return asking.isDone();
        });
        return asking.join();
    }

    /** Topics in memory: a record is in the catalogue when the keeper has polled. */
    private static final class Topics implements CatalogueFeed {
        private final List<ConsumerRecord<byte[], byte[]>> arriving = new ArrayList<>();
        private final Map<RecordPosition, byte[]> all = new HashMap<>();
        private long offset;
        private int fetches;
        private boolean down;
        private boolean failing;
        private boolean compacted;
        private boolean closed;
        private final Catalogue catalogue;

        Topics(Catalogue catalogue) {
            this.catalogue = catalogue;
        }

        void publishAll(TinyRun of) {
            publishRun(of);
            publishAdapter(of, null);
            publishFactors(of, "default");
            publish(of.posterior(1, PosteriorState.COMPLETE, 2).build());
        }

        void publishRun(TinyRun of) {
            publishRun(of.run(""));
        }

        void publishRun(Run record) {
            add(CONNECTION.topics().runs(), "tiny", Run.class, record);
        }

        /** @param rank of a wrong adapter; null for the right one */
        void publishAdapter(TinyRun of, Integer rank) {
            of.adapter().forEach((block, record) -> {
                if (rank != null) {
                    List<Integer> shape = new ArrayList<>(record.getWeight().getShape());
                    shape.set(block.endsWith("lora_A") ? 0 : 1, rank);
                    record.setWeight(Tensors.of(new float[shape.get(0) * shape.get(1)], shape.get(0), shape.get(1)));
                }
                String key = Keys.block("tiny", record.getCheckpoint(), block);
                add(CONNECTION.topics().adapters(), key, AdapterBlock.class, record);
            });
        }

        void publishFactors(TinyRun of, String fit) {
            of.factors().forEach((block, record) -> {
                String key = Keys.blockFit("tiny", record.getCheckpoint(), block, fit);
                add(CONNECTION.topics().factors(), key, Factor.class, record);
            });
        }

        void publish(Posterior posterior) {
            String key = Keys.fit("tiny", posterior.getCheckpoint(), posterior.getFit());
            add(CONNECTION.topics().posteriors(), key, Posterior.class, posterior);
        }

        void publishFactor(Factor factor) {
            String key = Keys.blockFit("tiny", factor.getCheckpoint(), factor.getBlock(), factor.getFit());
            add(CONNECTION.topics().factors(), key, Factor.class, factor);
        }

        <T extends SpecificRecord> void add(String topic, String key, Class<T> type, T record) {
            add(topic, key, CONNECTION.serializer(type).serialize(topic, record));
        }

        void add(String topic, String key, byte[] value) {
            all.put(new RecordPosition(new TopicPartition(topic, 0), offset), value);
            arriving.add(new ConsumerRecord<>(topic, 0, offset++, key.getBytes(StandardCharsets.UTF_8), value));
        }

        RecordPosition last(String topic, String key) {
            return arriving.stream()
                    .filter(record -> record.topic().equals(topic)
                            && new String(record.key(), StandardCharsets.UTF_8).equals(key))
                    .map(record -> new RecordPosition(new TopicPartition(topic, 0), record.offset()))
                    .reduce((first, second) -> second)
                    .orElseThrow();
        }

        @Override
        public boolean catchUp() {
            boolean news = !arriving.isEmpty();
            arriving.forEach(catalogue::accept);
            arriving.clear();
            return news;
        }

        @Override
        public boolean poll(Duration timeout) {
            boolean news = catchUp();
            if (failing) {
                throw new TimeoutException("no registry");
            }
            return news;
        }

        @Override
        public Map<RecordPosition, byte[]> fetch(Collection<RecordPosition> positions) {
            fetches++;
            if (down) {
                throw new TimeoutException("no broker");
            }
            Map<RecordPosition, byte[]> found = new HashMap<>(all);
            found.keySet().retainAll(positions);
            if (compacted) {
                found.remove(positions.iterator().next());
            }
            return found;
        }

        @Override
        public void wakeup() {
            // it never waits
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private static final class Heard implements ServingListener {
        private final List<String> waiting = new ArrayList<>();
        private final List<Long> served = new ArrayList<>();

        @Override
        public void waiting(String reason) {
            waiting.add(reason);
        }

        @Override
        public void serving(Posterior posterior) {
            served.add(posterior.getVersion());
        }
    }
}
