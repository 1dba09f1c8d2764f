package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.calibrant.fitter.evidence.BlockSpectrum;
import io.calibrant.fitter.evidence.Evidence;
import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.fitter.linalg.Spectrum;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Fit;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.reading.TopicReader;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.RandomStatistics;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Refits of a run that three shards have sent, as a user asks for them. */
class RefitIT extends OnOneCluster {
    @TempDir
    private Path dir;

    private final SentPass pass = new SentPass();

    private Ran refit(String... arguments) {
        return refit(connection, arguments);
    }

    private Ran refit(Connection to, String... arguments) {
        List<String> all = new ArrayList<>(List.of(
                "refit", "--threads", "1", "--state-dir", dir.resolve("refits").toString()));
        all.addAll(List.of(arguments));
        if (!all.contains("--run")) {
            all.addAll(List.of("--run", SentPass.RUN));
        }
        Map<String, String> environment = new TreeMap<>(environment());
        environment.put("CALIBRANT_TOPIC_PREFIX", to.topicPrefix());
        return Ran.calibrant(environment, all.toArray(String[]::new));
    }

    private void live() {
        FitterSettings settings = FitterSettings.defaults().withStateDir(dir.resolve("live"));
        try (Fitter fitter = new Fitter(connection, settings, posterior -> {})) {
            fitter.start();
            fitter.awaitReplayed();
        }
    }

    // --- bad input, and the dry run
    // -----------------------------------------------------------------------------------

    @Test
    void shouldSayWhatItWouldReadOrWhatIsWrongAndWriteNothing() throws Exception {
        pass.send(connection, batch -> true);
        Set<String> before = everything();

        Ran dry = refit("--as", "new");
        assertThat(dry.code()).as(dry.err()).isZero();
        assertThat(dry.out())
                .contains("checkpoint step-1: 24 batches")
                .contains("72 statistics, ")
                .contains("sent from " + pass.began + " to " + pass.began.plusSeconds(23))
                .contains("nothing of it has been dropped")
                .contains("about ")
                .contains("an estimate")
                .contains("Nothing is written");
        JsonNode part = refit("--as", "new", "--json", "--from", "4", "--exclude-source", "1/3", "--rank", "8")
                .json()
                .get(0);
        assertThat(part.get("records").asLong()).isEqualTo(3 * 13);
        assertThat(part.get("checkpoints").get(0).get("batches").asLong()).isEqualTo(13);
        assertThat(part.get("estimatedSeconds").asDouble()).isPositive();
        assertThat(refit(
                                "--as",
                                "new",
                                "--json",
                                "--to-datetime",
                                pass.began
                                        .plusSeconds(10)
                                        .atOffset(ZoneOffset.ofHours(1))
                                        .toString())
                        .json()
                        .get(0)
                        .get("records")
                        .asLong())
                .isEqualTo(3 * 10);

        refused(List.of("--as", "new", "--rank", "9"), "--rank must be 1 to 8, ", ", got 9");
        refused(List.of("--as", "new", "--rank", "0"), "--rank must be 1 or more, got 0");
        refused(
                List.of("--as", "new", "--prior-mean", "INITIAL"),
                "--prior-mean must be ZERO for run 'r', whose adapter's initial values are not on the topics");
        refused(List.of("--as", "new", "--run", "s"), "--run: there is no run 's', there is r");
        refused(List.of("--as", "new", "--checkpoint", "step-2"), "has no statistics of 'step-2', there is step-1");
        refused(
                List.of("--as", "new", "--exclude-source", "3/4"),
                "--exclude-source: nothing of run 'r' came from '3/4', there are 0/3, 1/3, 2/3");
        refused(List.of("--as", "new", "--from", "24"), "step-1 has batches 0 to 23");
        refused(List.of("--as", "new", "--from", "5", "--to", "4"), "--to must be 5 or more, got 4");
        refused(List.of("--as", "new", "--to-datetime", "yesterday"), "--to-datetime must be a time, for example");
        refused(
                List.of("--as", "new", "--to-datetime", "2999-01-01T00:00:00"),
                "--to-datetime must be a time that has passed, got '2999-01-01T00:00:00'");
        refused(List.of("--as", "default"), "--as must be a new name, not that of a live fit, got 'default'");
        refused(List.of("--as", "latest-complete"), "--as must be another name");
        assertThat(refit("--as", "new", "--to", "4", "--to-datetime", "2026-03-01T10:00:00")
                        .code())
                .isEqualTo(2);
        assertThat(refit("--as", "new", "--residual", "maybe").code()).isEqualTo(2);

        assertThat(everything()).isEqualTo(before);
        assertThat(CommittedRecords.raw(connection, connection.topics().fits())).isEmpty();
        assertThat(dir.resolve("refits")).doesNotExist();
    }

    /** The same with and without --execute. */
    private void refused(List<String> arguments, String... words) {
        for (boolean execute : new boolean[] {false, true}) {
            Ran ran = refit(Stream.concat(arguments.stream(), execute ? Stream.of("--execute") : Stream.of())
                    .toArray(String[]::new));
            assertThat(ran.code()).as("%s", arguments).isEqualTo(1);
            assertThat(ran.err())
                    .startsWith("calibrant refit: ")
                    .contains(words)
                    .hasLineCount(1);
            assertThat(ran.out()).isEmpty();
        }
    }

    /** Topics and consumer groups of this test. */
    private Set<String> everything() throws Exception {
        try (Admin admin = Admin.create(connection.admin())) {
            Set<String> all = new TreeSet<>(admin.listTopics().names().get());
            admin.listGroups().all().get().stream().map(GroupListing::groupId).forEach(all::add);
            return all.stream()
                    .filter(name -> name.startsWith(connection.topicPrefix()))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    // --- beside the live fit
    // ------------------------------------------------------------------------------------------

    @Test
    void shouldGiveTheBytesOfTheLiveFitOrMoreBesideItAndFindItselfDone() throws Exception {
        pass.send(connection, batch -> true);
        live();
        Map<String, Factor> live = factors(connection, "default");
        Posterior posterior = posterior(connection, "default");
        long sent = ofFit("default");

        Ran first = refit("--as", "same", "--execute");
        assertThat(first.code()).as(first.err()).isZero();
        assertThat(first.out())
                .contains("r/step-1/same: COMPLETE, 24/24 batches")
                .contains("(T, c) waits for validation answers made with it");
        assertThat(first.err()).contains("of 24 batches folded");
        Ran again = refit("--as", "same", "--execute", "--json");
        assertThat(again.code()).as(again.err()).isZero();
        assertThat(again.json()).hasSize(1);
        assertThat(again.json().get(0).get("wasDone").asBoolean()).isTrue();
        assertThat(again.json().get(0).get("state").asText()).isEqualTo("COMPLETE");
        assertThat(again.json().get(0).get("waitsForValidation").asBoolean()).isTrue();

        Map<String, Factor> same = factors(connection, "same");
        assertThat(same).hasSameSizeAs(live).hasSize(3);
        same.forEach((block, factor) -> {
            factor.setFit("default");
            assertThat(connection
                            .serializer(Factor.class)
                            .serialize(connection.topics().factors(), factor))
                    .containsExactly(connection
                            .serializer(Factor.class)
                            .serialize(connection.topics().factors(), live.get(block)));
        });
        Posterior refitted = posterior(connection, "same");
        refitted.setFit("default");
        refitted.setVersion(posterior.getVersion());
        assertThat(refitted).isEqualTo(posterior);

        assertThat(refit("--as", "wide", "--rank", "8", "--execute").code()).isZero();
        assertThat(posterior(connection, "wide").getCapturedEnergy()).isGreaterThan(posterior.getCapturedEnergy());
        Ran taken = refit("--as", "wide", "--rank", "7", "--execute");
        assertThat(taken.code()).isEqualTo(1);
        assertThat(taken.err())
                .contains(
                        "--as must be a new name, or come with the settings it stands for (rank 8, not 7), got 'wide'")
                .hasLineCount(1);
        assertThat(ofFit("default")).isEqualTo(sent);
    }

    /** Records of a fit on all topics that it writes. */
    private long ofFit(String fit) {
        return Stream.of(
                        CommittedRecords.of(connection, connection.topics().factors(), Factor.class).stream()
                                .map(each -> each.value().getFit()),
                        CommittedRecords.of(connection, connection.topics().posteriors(), Posterior.class).stream()
                                .map(each -> each.value().getFit()))
                .flatMap(fits -> fits)
                .filter(fit::equals)
                .count();
    }

    @Test
    void shouldEqualAFitThatNeverHadASource() throws Exception {
        pass.send(connection, batch -> true);
        Connection never = new Connection(
                connection.bootstrapServers(),
                connection.schemaRegistry(),
                connection.topicPrefix() + "never-",
                Map.of());
        // A topic that a producer's first batches create may take them out of order, and never the first one then.
        TopicAdmin.createMissing(never);
        pass.send(never, batch -> batch % 3 != 1);
        assertThat(refit("--as", "part", "--exclude-source", "1/3", "--execute").out())
                .contains("PARTIAL, 16/24 batches");
        FitterSettings all = FitterSettings.defaults().withStateDir(dir.resolve("never"));
        List<Posterior> heard = new ArrayList<>();
        try (Fitter fitter = new Fitter(never, all, heard::add)) {
            fitter.start();
            fitter.awaitReplayed();
        }
        Posterior left = posterior(connection, "part");
        Posterior missed = posterior(never, "default");
        assertThat(left.getState()).isEqualTo(PosteriorState.PARTIAL);
        assertThat(missed.getState()).isEqualTo(PosteriorState.LIVE); // it waits for the source
        assertThat(left.getBlocks()).isEqualTo(missed.getBlocks());
        assertThat(left.getLogEvidence()).isEqualTo(missed.getLogEvidence());
        assertThat(left.getCapturedEnergy()).isEqualTo(missed.getCapturedEnergy());
        assertThat(left.getEffectiveParameters()).isEqualTo(missed.getEffectiveParameters());
        assertThat(updates(connection, "part")).isEqualTo(updates(never, "default"));
        assertThat(factors(connection, "part").values())
                .hasSize(3)
                .allSatisfy(factor -> assertThat(factor.getBatches()).isEqualTo(16));
    }

    @Test
    void shouldMeasureFromTheInitialAdapterWhereTheTopicKnowsIt() throws Exception {
        double distance = 0.4;
        new SentPass(6, distance).send(connection, batch -> true);
        Ran ran = refit("--as", "initial", "--prior-mean", "INITIAL", "--execute");
        assertThat(ran.code()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("r/step-1/initial: COMPLETE, 6/6 batches");

        Posterior posterior = posterior(connection, "initial");
        assertThat(posterior.getPriorMean()).isEqualTo(PriorMean.INITIAL);
        Evidence.Optimum expected = new Evidence(
                        updates(connection, "initial").values().stream()
                                .map(update -> BlockSpectrum.of(
                                        update.getBlock(),
                                        new Spectrum(
                                                doubles(update.getSpectrum()),
                                                update.getDimension(),
                                                update.getTrace()),
                                        true,
                                        doubles(update.getSmallSpectrum()),
                                        update.getN(),
                                        distance))
                                .toList(),
                        6 * RandomStatistics.LOG_LIKELIHOOD)
                .maximise(PriorStructure.SCALAR);
        assertThat(posterior.getLogEvidence()).isEqualTo(expected.logEvidence());
        assertThat(posterior.getBlocks().get(0).getLambda()).isEqualTo(expected.lambdas()[0]);
    }

    private static double[] doubles(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** The last update of every block, but for the names of fit and shards. */
    private static Map<String, FactorUpdate> updates(Connection connection, String fit) {
        Map<String, FactorUpdate> updates = new TreeMap<>();
        for (var each : CommittedRecords.of(connection, connection.topics().factorUpdates(), FactorUpdate.class)) {
            if (each.value().getFit().equals(fit)) {
                each.value().setFit("");
                each.value().setWaitsFor(List.of());
                updates.put(each.value().getBlock(), each.value());
            }
        }
        return updates;
    }

    // --- retention
    // ----------------------------------------------------------------------------------------------------

    @Test
    void shouldNameWhatRetentionHasDroppedAndTakeTheRestWhenToldTo() throws Exception {
        pass.send(connection, batch -> true);
        String block = SentPass.BLOCKS.get(0).getName();
        String key = Keys.block(SentPass.RUN, SentPass.CHECKPOINT, block);
        TopicPartition partition = null;
        long offset = -1;
        int seen = 0;
        for (var record : CommittedRecords.of(
                connection, connection.topics().statistics(), io.calibrant.schemas.avro.Statistics.class)) {
            if (record.key().equals(key) && seen++ == 5) {
                partition = new TopicPartition(record.topic(), record.partition());
                offset = record.offset();
            }
        }
        try (Admin admin = Admin.create(connection.admin())) {
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(offset)))
                    .all()
                    .get();
        }
        Set<String> before = everything();
        refused(
                List.of("--as", "rest"),
                "retention has dropped a part of run 'r' from topic "
                        + connection.topics().statistics(),
                "batches 0 to 4 of 24 of checkpoint step-1 in",
                block,
                "--allow-partial takes what is left");
        assertThat(everything()).isEqualTo(before);
        assertThat(refit("--as", "rest", "--from", "5").code()).isZero(); // asks for nothing that is gone
        JsonNode dry = refit("--as", "rest", "--allow-partial", "--json").json().get(0);
        assertThat(dry.get("partial").asBoolean()).isTrue();
        assertThat(dry.get("dropped").get(0).get("batches").toString()).isEqualTo("[[0,4]]");

        Ran rest = refit("--as", "rest", "--allow-partial", "--execute");
        assertThat(rest.code()).as(rest.err()).isZero();
        assertThat(rest.out()).contains("r/step-1/rest: PARTIAL, 19/24 batches");
        // and for ever, also without the word, now that the name stands for it
        assertThat(refit("--as", "rest", "--execute").out()).contains("done already, PARTIAL, 19/24 batches");
        Posterior posterior = posterior(connection, "rest");
        assertThat(posterior.getState()).isEqualTo(PosteriorState.PARTIAL);
        assertThat(posterior.getBatches()).isEqualTo(19);
        assertThat(posterior.getBatchesExpected()).isEqualTo(24);
        Map<String, Factor> factors = factors(connection, "rest");
        posterior
                .getBlocks()
                .forEach(each -> assertThat(each.getBatches())
                        .isEqualTo(factors.get(each.getBlock()).getBatches()));
        Fit fit = TopicReader.latest(connection, connection.topics().fits(), Fit.class, line -> {})
                .get("rest");
        assertThat(fit.getPresent()).containsEntry(key, 19L);
    }

    // --- taken away
    // ---------------------------------------------------------------------------------------------------

    @Test
    void shouldTakeAwayAllOfARefitAndNothingElse() throws Exception {
        SentPass pass = new SentPass(6);
        pass.send(connection, batch -> true);
        String state = dir.resolve("refits").toString();
        try (Fitter live =
                new Fitter(connection, FitterSettings.defaults().withStateDir(dir.resolve("live")), posterior -> {})) {
            live.start();
            live.awaitReplayed();
            Set<String> before = everything();
            Map<String, Factor> factors = factors(connection, "default");
            assertThat(refit("--as", "gone", "--execute").code()).isZero();
            assertThat(everything()).anyMatch(name -> name.contains("calibrant-fitter-gone"));

            Ran running = Ran.calibrant(environment(), "fits", "--delete", "default", "--force");
            assertThat(running.code()).isEqualTo(1);
            assertThat(running.err()).contains("fit 'default' is running").hasLineCount(1);
            Ran gone = Ran.calibrant(environment(), "fits", "--delete", "gone", "--state-dir", state);
            assertThat(gone.code()).as(gone.err()).isZero();
            assertThat(gone.err())
                    .contains("removed r/step-1/gone")
                    .contains("removed consumer group " + connection.topicPrefix() + "calibrant-fitter-gone")
                    .contains("removed state ");
            await().atMost(30, TimeUnit.SECONDS).until(() -> everything().equals(before));
            assertThat(factors(connection, "gone")).isEmpty();
            assertThat(factors(connection, "default")).isEqualTo(factors);
            assertThat(Ran.calibrant(environment(), "fits", "--json").json())
                    .extracting(each -> each.get("fit").asText())
                    .containsExactly("default");
            // the name is free, for other settings, too
            assertThat(refit("--as", "gone", "--rank", "5").code()).isZero();
        }
        assertThat(Ran.calibrant(environment(), "fits", "--delete", "default").err())
                .contains("--delete must be a refit, or a live fit with --force");
    }

    // --- what is there
    // ------------------------------------------------------------------------------------------------

    private static Map<String, Factor> factors(Connection connection, String fit) {
        Map<String, Factor> factors = new TreeMap<>();
        TopicReader.latest(connection, connection.topics().factors(), Factor.class, line -> {}).values().stream()
                .filter(factor -> factor.getFit().equals(fit))
                .forEach(factor -> factors.put(factor.getBlock(), factor));
        return factors;
    }

    private static Posterior posterior(Connection connection, String fit) {
        return TopicReader.latest(connection, connection.topics().posteriors(), Posterior.class, line -> {})
                .get(Keys.fit(SentPass.RUN, SentPass.CHECKPOINT, fit));
    }
}
