package io.calibrant.scorer.serving;

import static io.calibrant.scorer.serving.ServedState.isFree;
import static io.calibrant.scorer.serving.ServedState.posteriors;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.calibrant.schemas.avro.Posterior;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.errors.WakeupException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelTableTest {
    private static final Target DEFAULT = new Target("tiny", "default");
    private static final Target OTHER = new Target("tiny", "other");
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    private Path directory;

    private TinyModels models;
    private ModelTable table;

    @BeforeEach
    void load() throws IOException {
        models = new TinyModels(directory, DEFAULT);
        table = models.table();
    }

    @AfterEach
    void close() {
        models.close();
    }

    @Test
    void shouldNotBeReadyBeforeEveryRequiredTargetHasAModel() {
        models.serve(1, OTHER);
        assertThat(table.awaitReady(Duration.ZERO)).isFalse();
        CompletableFuture<Boolean> waiting = CompletableFuture.supplyAsync(() -> table.awaitReady(LONG));
        models.serve(1, DEFAULT);
        assertThat(waiting.join()).isTrue();
    }

    @Test
    void shouldLeaseWhatItHoldsWithoutItsKeeper() {
        models.serve(1, DEFAULT);
        models.serve(7, OTHER);
        try (Lease lease = table.lease(Set.of(DEFAULT), Set.of(), false)) {
            assertThat(lease.ready()).isTrue();
            assertThat(lease.models()).containsOnlyKeys(DEFAULT);
            assertThat(lease.models().get(DEFAULT).posterior().getVersion()).isEqualTo(1);
        }
        assertThat(models.requests()).isZero();
        assertThat(posteriors(table).values()).extracting(Posterior::getVersion).containsExactlyInAnyOrder(1L, 7L);
    }

    @Test
    void shouldAskItsKeeperForWhatIsMissingOrMustBeCurrent() {
        models.serve(1, DEFAULT);
        try (Lease lease = table.lease(Set.of(DEFAULT, OTHER), Set.of(), false)) {
            assertThat(lease.models()).containsOnlyKeys(DEFAULT);
            assertThat(lease.refusals()).isEqualTo(Map.of(OTHER, "there is no fit 'other'"));
        }
        assertThat(models.requests()).isEqualTo(1);
        table.lease(Set.of(DEFAULT), Set.of(), true).close();
        assertThat(models.requests()).isEqualTo(2);
        models.withdraw(DEFAULT);
        try (Lease lease = table.lease(Set.of(DEFAULT), Set.of(), true)) {
            assertThat(lease.ready()).isFalse();
        }
    }

    @Test
    void shouldRememberWhichRunsAreServedElsewhereButNotWhichAreUnknown() {
        models.serve(1, DEFAULT);
        try (Lease lease = table.lease(Set.of(), Set.of("elsewhere", "unheard"), false)) {
            assertThat(lease.unknown()).containsExactly("unheard");
        }
        assertThat(models.requests()).isEqualTo(1);
        table.lease(Set.of(), Set.of("elsewhere"), false).close();
        assertThat(models.requests()).isEqualTo(1);
        table.lease(Set.of(), Set.of("unheard"), false).close();
        assertThat(models.requests()).isEqualTo(2);
    }

    @Test
    void shouldLeaseModelsWithTheTokensThatAreAskedFor() {
        models.serve(1, DEFAULT);
        try (Lease lease = table.lease(Set.of(DEFAULT), Set.of(), false)) {
            assertThat(lease.models().get(DEFAULT).tokens()).doesNotContain(20);
        }
        try (Lease lease = table.leaseWith(Map.of("tiny", Set.of(20)), Set.of(DEFAULT))) {
            assertThat(lease.models().get(DEFAULT).tokens()).contains(20);
        }
    }

    @Test
    void shouldKeepALeasedModelUntilItsLastLeaseIsClosed() {
        models.serve(1, DEFAULT);
        Lease one = table.lease(Set.of(DEFAULT), Set.of(), false);
        Lease two = table.lease(Set.of(DEFAULT), Set.of(), false);
        TierPredictors old = one.models().get(DEFAULT).predictors();
        models.serve(2, DEFAULT);
        one.close();
        one.close(); // counts once
        assertThat(isFree(old)).isFalse();
        two.close();
        assertThat(isFree(old)).isTrue();
        try (Lease now = table.lease(Set.of(DEFAULT), Set.of(), false)) {
            assertThat(isFree(now.models().get(DEFAULT).predictors())).isFalse();
        }
    }

    @Test
    void shouldWakeThoseWhoWaitForItWhenTheScorerStops() {
        ModelTable kept = new ModelTable(Set.of(DEFAULT), () -> {}); // by a keeper that never comes
        CompletableFuture<Boolean> waiting = CompletableFuture.supplyAsync(() -> kept.awaitReady(LONG));
        CompletableFuture<Lease> asking =
                CompletableFuture.supplyAsync(() -> kept.lease(Set.of(DEFAULT), Set.of(), false));
        await().atMost(LONG).until(kept::isAsked);

        kept.shutDown();

        assertThatThrownBy(waiting::join).hasCauseInstanceOf(WakeupException.class);
        assertThatThrownBy(asking::join).hasCauseInstanceOf(WakeupException.class);
        assertThat(kept.isAsked()).isFalse();
        assertThatThrownBy(() -> kept.lease(Set.of(), Set.of(), false)).isInstanceOf(WakeupException.class);
        assertThatThrownBy(() -> kept.awaitReady(LONG)).isInstanceOf(WakeupException.class);
    }

    /** The keeper may have taken the request up before the scorer stopped. */
    @Test
    void shouldGiveBackWhatNobodyWaitsForAnyMore() {
        ModelTable kept = new ModelTable(Set.of(DEFAULT), () -> {});
        FitModel model = models.model(1);
        kept.replace(Map.of(DEFAULT, model));
        CompletableFuture<Lease> asking =
                CompletableFuture.supplyAsync(() -> kept.lease(Set.of(DEFAULT), Set.of(), true));
        await().atMost(LONG).until(kept::isAsked);
        ModelTable.Request request = kept.requests().get(0);
        kept.shutDown();

        kept.serve(request, Map.of(), Set.of());

        assertThatThrownBy(asking::join).hasCauseInstanceOf(WakeupException.class);
        model.predictors().release();
        assertThat(isFree(model.predictors())).isTrue();
    }
}
