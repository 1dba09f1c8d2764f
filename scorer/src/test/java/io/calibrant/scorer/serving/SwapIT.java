package io.calibrant.scorer.serving;

import static io.calibrant.scorer.serving.ServedState.isFree;
import static io.calibrant.scorer.serving.ServedState.posteriors;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDManager;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Answer;
import io.calibrant.schemas.avro.Calibration;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Purpose;
import io.calibrant.scorer.TinyModel;
import io.calibrant.scorer.TinyRun;
import io.calibrant.scorer.answering.AnsweringSettings;
import io.calibrant.scorer.answering.BadQuestionException;
import io.calibrant.scorer.answering.Outcome;
import io.calibrant.scorer.answering.Tier;
import io.calibrant.scorer.answering.TokenizedQuestion;
import io.calibrant.testing.SharedCluster;
import io.calibrant.trainer.model.ComputeDevice;
import io.calibrant.trainer.model.LinearHook;
import io.calibrant.trainer.model.TokenBatch;
import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.errors.WakeupException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** Posteriors put in the place of others, seen from inside, through the real broker and registry. */
class SwapIT {
    private static final Target TARGET = new Target("tiny", "default");

    @TempDir
    private static Path dir;

    private static BaseModel base;

    private final List<Posterior> served = new ArrayList<>();
    private Connection connection;
    private Catalogue catalogue;
    private TopicFollower follower;
    private ModelKeeper keeper;
    private int arraysOfTheBase;

    @BeforeAll
    static void start() throws Exception {
        TinyModel.write(dir.resolve("model"));
        base = BaseModel.load(dir.resolve("model"), ComputeDevice.CPU);
        // What the model itself makes when first used and keeps, its rotary tables, is there from now on.
        try (NDManager manager = base.model().newManager()) {
            TokenBatch longest = TokenBatch.leftPadded(List.of(new long[TinyModel.CONTEXT]), 0);
            base.model().fullLogits(longest, LinearHook.FROZEN, manager);
        }
    }

    @AfterAll
    static void stop() {
        base.close();
    }

    @BeforeEach
    void follow(TestInfo test) {
        connection = SharedCluster.connection(test.getTestMethod().orElseThrow().getName());
        TopicAdmin.createMissing(connection);
        ServingSettings settings = ServingSettings.of("tiny", dir.resolve("model"));
        catalogue = new Catalogue(connection, settings.runs());
        follower = new TopicFollower(connection, catalogue, new ServingListener() {});
        ServingListener listener = new Recorder();
        keeper = new ModelKeeper(
                connection,
                settings,
                new ModelFactory(base, AnsweringSettings.DEFAULTS),
                catalogue,
                follower,
                listener);
        arraysOfTheBase = arrays();
    }

    @AfterEach
    void close() {
        keeper.close();
        assertThat(arrays()).isEqualTo(arraysOfTheBase);
    }

    @Test
    void shouldFreeTheOldOneSoThatMemoryIsFlatOverFiftySwaps() throws Exception {
        new TinyRun(connection, "tiny", "step-0", "default", false, List.of("A", "B")).publish();
        turn();
        answer();
        int one = arrays();
        RefCounted first = predictors();
        for (int i = 1; i <= 50; i++) {
            TinyRun next = new TinyRun(connection, "tiny", "step-" + i, "default", false, List.of("A", "B"));
            next.publishAdapter();
            next.publishFactors();
            next.publishPosterior(i + 1, PosteriorState.COMPLETE, 2);
            turn();
            answer();
            assertThat(served.get(served.size() - 1).getCheckpoint()).isEqualTo("step-" + i);
            assertThat(arrays()).as("arrays on the device after %d swaps", i).isEqualTo(one);
        }
        assertThat(isFree(first)).isTrue();
    }

    @Test
    void shouldKeepTheProjectionsWhereOnlyTheCalibrationChangesAndTheAdapterWhereOnlyThePriorDoes() throws Exception {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B"));
        run.publish();
        turn();
        TierPredictors before = predictors();

        run.publish(run.posterior(2, PosteriorState.COMPLETE, 2)
                .setTemperature(1.5)
                .setCalibration(Calibration.TEMPERATURE)
                .build());
        turn();
        assertThat(served).extracting(Posterior::getVersion).containsExactly(1L, 2L);
        assertThat(predictors()).isSameAs(before);

        run.publishPosterior(3, PosteriorState.COMPLETE, 9);
        turn();
        assertThat(served).extracting(Posterior::getVersion).containsExactly(1L, 2L, 3L);
        assertThat(predictors()).isNotSameAs(before);
        assertThat(predictors().weights()).isSameAs(before.weights());
        assertThat(isFree(before)).isTrue();
        assertThat(isFree(predictors().weights())).isFalse();
    }

    @Test
    void shouldLeaveABorrowedModelInPlaceUntilItIsGivenBack() throws Exception {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B"));
        run.publish();
        turn();
        TierPredictors old;
        try (Lease lease = keeper.table().lease(Set.of(TARGET), Set.of(), false)) {
            FitModel model = lease.models().get(TARGET);
            old = model.predictors();
            run.publishPosterior(2, PosteriorState.COMPLETE, 9);
            turn();
            assertThat(isFree(old)).isFalse();
            assertThat(answered(model, Tier.ALL).getPosteriorVersion()).isEqualTo(1);
        }
        assertThat(isFree(old)).isTrue();
    }

    @Test
    void shouldNotGoBackToAnOlderCheckpointWhenFactorsGoOnButWhenTheFitIsDeleted() throws Exception {
        TinyRun old = new TinyRun(connection, "tiny", "step-1", "default", false, List.of("A", "B"));
        old.publish();
        TinyRun run = new TinyRun(connection, "tiny", "step-2", "default", false, List.of("A", "B"));
        run.publishAdapter();
        run.publishFactors();
        run.publishPosterior(2, PosteriorState.COMPLETE, 2);
        turn();
        assertThat(checkpoint()).isEqualTo("step-2");
        run.publishFactors(8); // the batch after those of the posterior
        turn();
        assertThat(catalogue.newest("tiny", "default").orElseThrow().posterior().getCheckpoint())
                .isEqualTo("step-1");
        assertThat(checkpoint()).isEqualTo("step-2");
        run.removePosterior();
        turn();
        assertThat(checkpoint()).isEqualTo("step-1");
        old.removePosterior();
        turn();
        assertThat(posteriors(keeper.table())).isEmpty();
        assertThat(keeper.table().awaitReady(Duration.ZERO)).isFalse();
    }

    @Test
    void shouldLoadEveryFitThatIsAskedForAtOnceAndKeepAFew() throws Exception {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B"));
        run.publish();
        Set<Target> six = new LinkedHashSet<>();
        for (int i = 0; i < 6; i++) {
            TinyRun other = new TinyRun(connection, "tiny", TinyRun.CHECKPOINT, "fit-" + i, false, List.of("A", "B"));
            other.publishFactors();
            other.publishPosterior(1, PosteriorState.COMPLETE, 2 + i);
            six.add(new Target("tiny", "fit-" + i));
        }
        turn();
        assertThat(posteriors(keeper.table())).containsOnlyKeys(TARGET);
        try (Lease lease = asked(six)) {
            assertThat(lease.models()).containsOnlyKeys(six);
            assertThat(lease.refusals()).isEmpty();
            // All on one copy of the adapter.
            assertThat(lease.models().values().stream()
                            .map(model -> model.predictors().weights()))
                    .allMatch(weights -> weights == predictors().weights());
        }
        try (Lease lease = asked(Set.of(new Target("tiny", "unheard")))) {
            assertThat(lease.models()).isEmpty();
            assertThat(lease.refusals().values()).singleElement().asString().contains("no posterior of fit 'unheard'");
        }
        assertThat(posteriors(keeper.table())).containsOnlyKeys(TARGET, target(3), target(4), target(5));
    }

    private static Target target(int fit) {
        return new Target("tiny", "fit-" + fit);
    }

    /** Asks from another thread, as those who take questions do, and is the keeper meanwhile. */
    private Lease asked(Set<Target> targets) {
        CompletableFuture<Lease> lease =
                CompletableFuture.supplyAsync(() -> keeper.table().lease(targets, Set.of(), false));
        await().atMost(Duration.ofSeconds(30)).until(() -> {
            try {
                keeper.turn(false);
            } catch (WakeupException e) {
                // that is how it asks
            }
            return lease.isDone();
        });
        return lease.join();
    }

    @Test
    void shouldFetchPlacesThatAreFarApartAndNameNoneThatIsGone() {
        TinyRun run = new TinyRun(connection, false, List.of("A", "B"));
        run.publish();
        follower.catchUp();
        ServablePosterior servable = catalogue.newest("tiny", "default").orElseThrow();
        List<RecordPosition> places = new ArrayList<>(servable.adapter().values());
        places.addAll(servable.factors().values());
        assertThat(follower.fetch(places)).containsOnlyKeys(places);
    }

    private void turn() {
        await().atMost(Duration.ofSeconds(30)).until(() -> {
            boolean news = follower.catchUp();
            keeper.turn(news);
            return news;
        });
    }

    /** Answers one question, for what that leaves behind. */
    private void answer() throws Exception {
        try (Lease lease = keeper.table().lease(Set.of(TARGET), Set.of(), false)) {
            FitModel model = lease.models().get(TARGET);
            for (Tier tier : Tier.values()) {
                assertThat(answered(model, tier)).isNotNull();
            }
        }
    }

    private static Answer answered(FitModel model, Tier tier) throws BadQuestionException {
        TokenizedQuestion asked = model.read(
                new Question("q", "which word", null, List.of(new Choice("A", "one"), new Choice("B", "two")), null),
                Purpose.ANSWER);
        Outcome outcome = model.answer(tier, List.of(asked), true).get(0);
        return ((Outcome.Answered) outcome).answer();
    }

    private TierPredictors predictors() {
        try (Lease lease = keeper.table().lease(Set.of(TARGET), Set.of(), false)) {
            return lease.models().get(TARGET).predictors();
        }
    }

    private String checkpoint() {
        return posteriors(keeper.table()).get(TARGET).getCheckpoint();
    }

    /** Everything on the device that belongs to the base model, adapters and posteriors below it included. */
    private static int arrays() {
        try (NDManager below = base.model().newManager()) {
            return below.getParentManager().getManagedArrays().size();
        }
    }

    private final class Recorder implements ServingListener {
        @Override
        public void serving(Posterior posterior) {
            served.add(posterior);
        }
    }
}
