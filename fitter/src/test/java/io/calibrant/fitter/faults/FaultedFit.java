package io.calibrant.fitter.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.calibrant.fitter.service.AtLeastOnceFitter;
import io.calibrant.fitter.service.Fitter;
import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.DeadLetterHeaders;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.TopicAdmin;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.testing.ChildJvm;
import io.calibrant.testing.CommittedRecords;
import io.calibrant.testing.GroupMembers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.Deserializer;
import org.awaitility.core.ConditionTimeoutException;

/**
 * One fit, by fitters that are processes of their own, of a stream that never runs dry; the faults that they meet, each
 * of which fires only after committed output and with input in flight; and what must be true in the end.
 */
final class FaultedFit implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    /** From a fault until everything that had been sent before it is folded, and readable. */
    private static final Duration RECOVERY = Duration.ofSeconds(30);

    /** From the last fault until the committed offsets are at the end. */
    private static final Duration LIVENESS = Duration.ofSeconds(60);

    private static final double SLOW_BYTES_PER_SECOND = 2_000;

    private static final String REBUILT = "it is deleted, and filled again from Kafka";
    private static final Pattern PROCESS_ID = Pattern.compile("\"processId\"\\s*:\\s*\"([^\"]+)\"");
    private static final Set<TransactionState> OPEN =
            Set.of(TransactionState.ONGOING, TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT);

    private final Connection connection;
    private final String address;
    private final List<String> settings;
    private final Path dir;
    private final Random chance;
    private final boolean exactlyOnce;
    private final Admin admin;
    private final StatisticsStream stream;
    private final List<Member> members = new ArrayList<>();
    private final List<Duration> recoveries = new ArrayList<>();
    private int added;
    private int faults;
    private long lastFault = System.nanoTime();

    /** A fitter, with its own state directory, which the one that follows it after its death takes over. */
    static final class Member {
        private final Path state;
        private final Path log;
        private ChildJvm process;
        private int printedBefore;

        private Member(Path state, Path log) {
            this.state = state;
            this.log = log;
        }
    }

    private FaultedFit(Connection connection, Path dir, long seed, boolean exactlyOnce, boolean storm)
            throws Exception {
        this(connection, connection.bootstrapServers(), List.of(), dir, seed, exactlyOnce, storm);
    }

    private FaultedFit(
            Connection connection,
            String address,
            List<String> settings,
            Path dir,
            long seed,
            boolean exactlyOnce,
            boolean storm)
            throws Exception {
        this.connection = connection;
        this.address = address;
        this.settings = settings;
        this.dir = Files.createDirectories(dir);
        this.chance = new Random(seed);
        this.exactlyOnce = exactlyOnce;
        TopicAdmin.createMissing(connection);
        admin = Admin.create(connection.admin());
        stream = new StatisticsStream(connection, seed, storm);
    }

    /** As it is. */
    static FaultedFit start(Connection connection, Path dir, long seed) throws Exception {
        return new FaultedFit(connection, dir, seed, true, false);
    }

    /** The same with as many bad records as good ones. */
    static FaultedFit inAStorm(Connection connection, Path dir, long seed) throws Exception {
        return new FaultedFit(connection, dir, seed, true, true);
    }

    /**
     * The same with fitters that come in by another door than the stream and its oracle.
     *
     * @param address of the broker, for the fitters
     * @param settings a file of settings for them
     */
    static FaultedFit secured(Connection operator, String address, Path settings, Path dir, long seed)
            throws Exception {
        return new FaultedFit(operator, address, List.of(settings.toString()), dir, seed, true, false);
    }

    /** The control: the same without transactions. */
    static FaultedFit atLeastOnce(Connection connection, Path dir, long seed) throws Exception {
        return new FaultedFit(connection, dir, seed, false, false);
    }

    private String group() {
        return FitterSettings.defaults().applicationId(connection.topics());
    }

    /** One more fitter. */
    Member add() throws IOException {
        Member member = new Member(dir.resolve("state-" + added), dir.resolve("log-" + added));
        added++;
        members.add(member);
        launch(member);
        return member;
    }

    private void launch(Member member) throws IOException {
        member.printedBefore =
                member.process == null ? 0 : member.process.printed().length();
        List<String> arguments = new ArrayList<>(
                List.of(address, connection.schemaRegistry(), connection.topicPrefix(), member.state.toString()));
        arguments.addAll(settings);
        member.process = ChildJvm.start(
                member.log,
                (exactlyOnce ? FitterProcess.class : AtLeastOnceFitter.class).getName(),
                arguments.toArray(String[]::new));
    }

    /** Until all fitters that live share the work, and every block has been folded once. */
    void awaitWork() {
        awaitMembers((int) members.stream().filter(m -> m.process.isAlive()).count());
        await("something is folded").atMost(PATIENCE).until(() -> alive() && stream.folded() > 0);
    }

    private void awaitMembers(int count) {
        try {
            GroupMembers.awaitStable(admin, group(), count, PATIENCE);
        } catch (ConditionTimeoutException e) {
            alive(); // one that is not says why
            throw e;
        }
    }

    /** Lets some more batches be folded: how many, the seed says. */
    void goOnForAWhile() {
        int until = stream.folded() + 10 + chance.nextInt(40);
        await("more is folded").atMost(PATIENCE).until(() -> alive() && stream.folded() >= until);
    }

    /** One of the fitters; which one, the seed says. */
    Member any() {
        return members.get(chance.nextInt(members.size()));
    }

    private boolean alive() {
        for (Member member : members) {
            if (!member.process.isAlive()) {
                throw new AssertionError("a fitter has ended by itself: " + member.process.printed());
            }
        }
        return true;
    }

    /** kill -9 in the middle of a transaction. */
    void kill(Member victim) throws Exception {
        stopMidTransaction(victim);
        fired();
        victim.process.kill();
    }

    /** kill -STOP in the middle of a transaction. */
    void freeze(Member victim) throws Exception {
        stopMidTransaction(victim);
        fired();
    }

    /** kill -CONT, once the others have its work and its transaction is aborted. */
    void thaw(Member zombie) throws Exception {
        awaitMembers(members.size() - 1);
        await("the broker gives its transaction up").atMost(PATIENCE).until(() -> !inTransaction(zombie));
        awaitRecovery();
        Map<TopicPartition, Long> before = committed();
        fault(zombie.process::goOn);
        awaitMembers(members.size()); // it was refused, and is back
        committed()
                .forEach((partition, offset) -> assertThat(offset)
                        .as("offset of %s after the zombie's return", partition)
                        .isGreaterThanOrEqualTo(before.getOrDefault(partition, 0L)));
    }

    /** kill -TERM, and what it leaves. */
    void end(Member member) throws Exception {
        fault(() -> assertThat(member.process.end()).isZero());
    }

    /** One fitter more. */
    void grow() throws Exception {
        fault(this::add);
        awaitMembers(members.size());
    }

    /** One fitter less. */
    void shrink(Member member) throws Exception {
        end(member);
        members.remove(member);
        awaitMembers(members.size());
    }

    /** Whatever else happens while there is something to do. */
    void fault(ThrowingRunnable fault) throws Exception {
        await("something to do").atMost(PATIENCE).until(() -> alive() && hasWork());
        fired();
        fault.run();
    }

    /** Something is away for a while; recovery counts from its return. */
    void outage(ThrowingRunnable away, Duration duration, ThrowingRunnable back) throws Exception {
        fault(away);
        Thread.sleep(duration.toMillis());
        alive();
        back.run();
        lastFault = System.nanoTime();
    }

    interface ThrowingRunnable {
        void run() throws Exception;
    }

    /** Something happens to the state of a fitter that is down. */
    void damage(Member member, Damage damage) throws IOException {
        assertThat(member.process.isAlive()).isFalse();
        damage.to(member.state, chance);
    }

    /** The state of a fitter that resumes is deleted. */
    void deleteStateUnder(Member member) throws Exception {
        fault(() -> Damage.DELETED.in(member.state, chance));
    }

    /**
     * The same as {@link #restart}, where so little comes through the network that its state takes a while to come
     * back: until then the fitter must not say that it is ready.
     */
    void restartSlowly(Member member) throws Exception {
        limitConsumers(SLOW_BYTES_PER_SECOND);
        try {
            launch(member);
            awaitMembers(members.size());
            await("not ready before its state is back")
                    .atMost(PATIENCE)
                    .during(Duration.ofSeconds(3))
                    .until(() -> alive() && !isReady(member) && !isHealthy(member));
        } finally {
            limitConsumers(null);
        }
        await("ready").atMost(PATIENCE).until(() -> alive() && isReady(member) && isHealthy(member));
    }

    private static boolean isReady(Member member) {
        return printed(member).contains(FitterProcess.READY);
    }

    /** What its health says, the last that it has printed. */
    private static boolean isHealthy(Member member) {
        List<String> obstacles = obstacles(printed(member));
        return !obstacles.isEmpty() && obstacles.get(obstacles.size() - 1).isEmpty();
    }

    private static List<String> obstacles(String printed) {
        return printed.lines()
                .filter(line -> line.startsWith(FitterProcess.OBSTACLE))
                .map(line -> line.substring(FitterProcess.OBSTACLE.length()))
                .toList();
    }

    /** Since it was launched. */
    private static String printed(Member member) {
        return member.process.printed().substring(member.printedBefore);
    }

    private void limitConsumers(Double bytesPerSecond) throws Exception {
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(
                        new ClientQuotaEntity(Collections.singletonMap(ClientQuotaEntity.CLIENT_ID, null)),
                        List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", bytesPerSecond)))))
                .all()
                .get();
    }

    /** Until a fitter has noticed that its state is broken, and has it back: it is not ready in between. */
    void awaitRebuilding(Member member) {
        await("it says that it rebuilds its state")
                .atMost(PATIENCE)
                .until(() -> alive() && printed(member).contains(REBUILT));
        await("not ready until its state is back, and ready then")
                .atMost(PATIENCE)
                .until(() -> alive() && isHealthy(member) && wasNotReadyMeanwhile(printed(member)));
    }

    /** It was not ready when it noticed, or has not been some time since. */
    private static boolean wasNotReadyMeanwhile(String printed) {
        int noticed = printed.indexOf(REBUILT);
        List<String> before = obstacles(printed.substring(0, noticed));
        return (!before.isEmpty() && !before.get(before.size() - 1).isEmpty())
                || obstacles(printed.substring(noticed)).stream().anyMatch(obstacle -> !obstacle.isEmpty());
    }

    /** Starts a fitter that has died again, as whatever watches over it would. */
    void restart(Member member) throws IOException {
        launch(member);
    }

    /** Until all that was sent before the last fault is folded and readable; it may take 30 seconds. */
    void awaitRecovery() {
        awaitRecovery(RECOVERY);
    }

    /** The same where something else than a fitter has to come back, too. */
    void awaitRecovery(Duration limit) {
        int due = stream.sent();
        try {
            await("what was sent is folded").atMost(PATIENCE).until(() -> alive() && stream.folded() >= due);
        } catch (ConditionTimeoutException e) {
            throw new AssertionError(
                    stream.folded() + " of " + due + " are folded after " + PATIENCE.toSeconds() + " s; "
                            + members.stream()
                                    .map(member -> member.log.getFileName() + " ends with: " + end(member.process))
                                    .collect(Collectors.joining("; ")),
                    e);
        }
        Duration took = Duration.ofNanos(System.nanoTime() - lastFault);
        recoveries.add(took);
        assertThat(took).as("recovery").isLessThanOrEqualTo(limit);
    }

    private static String end(ChildJvm process) {
        String printed = process.printed();
        return printed.substring(Math.max(0, printed.length() - 2_000));
    }

    private void fired() {
        faults++;
        lastFault = System.nanoTime();
    }

    /**
     * Something is committed and something in flight: asked once, as the stream and the fitters go on between two
     * questions.
     */
    private boolean hasWork() {
        return stream.folded() > 0 && stream.inFlight() > 0;
    }

    private void stopMidTransaction(Member victim) {
        await("a moment when it has something open")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> {
                    victim.process.stop();
                    if (hasWork() && (!exactlyOnce || inTransaction(victim))) {
                        return true;
                    }
                    victim.process.goOn();
                    return false;
                });
    }

    private boolean inTransaction(Member member) throws Exception {
        String id = group() + "-" + processId(member);
        return openTransactions().stream()
                .anyMatch(each -> each.transactionalId().startsWith(id));
    }

    private List<TransactionListing> openTransactions() throws Exception {
        return admin.listTransactions(new ListTransactionsOptions().filterStates(OPEN)).all().get().stream()
                .filter(each -> each.transactionalId().startsWith(group()))
                .toList();
    }

    /** The name that Kafka Streams gives a process: part of its transactional ids, kept in its state directory. */
    private static String processId(Member member) throws IOException {
        try (Stream<Path> files = Files.walk(member.state)) {
            Path file = files.filter(path -> path.endsWith("kafka-streams-process-metadata"))
                    .findFirst()
                    .orElseThrow();
            Matcher matcher = PROCESS_ID.matcher(Files.readString(file));
            assertThat(matcher.find()).isTrue();
            return matcher.group(1);
        }
    }

    int repeated() {
        return stream.repeated();
    }

    int sent() {
        return stream.sent();
    }

    /** The longest that any block has waited since the last call, with work for it. */
    Duration longestPause() {
        return stream.longestPause();
    }

    int faults() {
        return faults;
    }

    List<Duration> recoveries() {
        return List.copyOf(recoveries);
    }

    /**
     * Ends the pass and asserts what must be true whatever has happened.
     *
     * @return batches of every block
     */
    int assertOracle() throws Exception {
        stream.finish();
        await("all is sent").atMost(LIVENESS).until(() -> stream.finished() != null);
        int n = stream.finished();
        await("the committed offsets are at the end")
                .atMost(LIVENESS.minusNanos(System.nanoTime() - lastFault))
                .until(() -> alive() && offsetsAreAtTheEnd());
        await("no transaction is open")
                .atMost(PATIENCE)
                .until(() -> openTransactions().isEmpty());
        assertSequences(n);
        assertDeadLetters();
        assertEndsAreCommitted();
        Map<String, Factor> expected = plainFolds(n);
        assertFactors(expected, FitterSettings.DEFAULT_FIT);
        Posterior disturbed = assertPosteriors(n, FitterSettings.DEFAULT_FIT);
        for (Member member : members) {
            assertThat(member.process.printed()).doesNotContain("\tat "); // no stack trace at a user
        }
        undisturbed();
        assertFactors(expected, "undisturbed");
        Posterior undisturbed = assertPosteriors(n, "undisturbed");
        undisturbed.setFit(disturbed.getFit());
        undisturbed.setVersion(
                disturbed.getVersion()); // how many live ones there were before it is a matter of threads
        assertThat(disturbed).isEqualTo(undisturbed);
        return n;
    }

    private void assertSequences(int n) {
        Map<String, List<Long>> sequences = new TreeMap<>();
        for (FactorUpdate update : values(connection.topics().factorUpdates(), FactorUpdate.class)) {
            sequences
                    .computeIfAbsent(update.getBlock(), block -> new ArrayList<>())
                    .add(update.getBatches());
        }
        assertThat(sequences.keySet())
                .containsExactlyElementsOf(StatisticsStream.BLOCKS.stream()
                        .map(Block::getName)
                        .sorted()
                        .toList());
        Map<String, Long> twice = new TreeMap<>();
        sequences.forEach(
                (block, sequence) -> twice.put(block, (long) sequence.size() - new HashSet<>(sequence).size()));
        twice.values().removeIf(count -> count == 0);
        assertThat(twice).as("updates that were told more than once").isEmpty();
        List<Long> whole = LongStream.rangeClosed(1, n).boxed().toList();
        sequences.forEach((block, sequence) ->
                assertThat(sequence).as("sequence of block %s", block).isEqualTo(whole));
    }

    private List<ConsumerRecord<byte[], byte[]>> statistics(boolean bad) {
        return CommittedRecords.raw(connection, connection.topics().statistics()).stream()
                .filter(record -> (record.headers().lastHeader(StatisticsStream.BAD) != null) == bad)
                .toList();
    }

    /** Each bad record that is on the topic, once, and nothing else: told apart by where they were. */
    private void assertDeadLetters() {
        List<String> letters = CommittedRecords.raw(
                        connection, connection.topics().fitterDeadLetters())
                .stream()
                .map(letter -> {
                    assertThat(header(letter, DeadLetterHeaders.MESSAGE))
                            .as("reason")
                            .isNotBlank();
                    return header(letter, DeadLetterHeaders.PARTITION) + " " + header(letter, DeadLetterHeaders.OFFSET);
                })
                .toList();
        assertThat(letters)
                .as("dead letters")
                .containsExactlyInAnyOrderElementsOf(statistics(true).stream()
                        .map(record -> record.partition() + " " + record.offset())
                        .toList());
    }

    private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
        return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
    }

    private Map<String, Factor> plainFolds(int n) {
        Map<String, PlainFold> folds = new HashMap<>();
        StatisticsStream.BLOCKS.forEach(
                block -> folds.put(block.getName(), new PlainFold(block, StatisticsStream.RANK)));
        try (Deserializer<Statistics> values = connection.deserializer(Statistics.class)) {
            for (ConsumerRecord<byte[], byte[]> record : statistics(false)) {
                Statistics value = values.deserialize(record.topic(), record.value());
                folds.get(value.getBlock()).add(value, record.timestamp());
            }
        }
        Set<Long> all = LongStream.range(0, n).boxed().collect(Collectors.toSet());
        folds.forEach((block, fold) -> assertThat(fold.batches())
                .as("acknowledged batches of block %s on the topic", block)
                .isEqualTo(all));
        Map<String, Factor> factors = new TreeMap<>();
        folds.forEach((block, fold) -> factors.put(block, fold.factor(FitterSettings.DEFAULT_FIT)));
        return factors;
    }

    /** The last record of every block is, byte for byte, what a plain fold of the topic gives. */
    private void assertFactors(Map<String, Factor> expected, String fit) {
        String topic = connection.topics().factors();
        Map<String, byte[]> found = new HashMap<>();
        for (ConsumerRecord<byte[], byte[]> record : CommittedRecords.raw(connection, topic)) {
            found.put(new String(record.key(), StandardCharsets.UTF_8), record.value());
        }
        expected.forEach((block, factor) -> {
            Factor of = Factor.newBuilder(factor).setFit(fit).build();
            String key = Keys.blockFit(of.getRunId(), of.getCheckpoint(), block, fit);
            assertThat(found.get(key))
                    .as("factor %s", key)
                    .isEqualTo(connection.serializer(Factor.class).serialize(topic, of));
        });
    }

    private Posterior assertPosteriors(int n, String fit) {
        List<Posterior> posteriors = values(connection.topics().posteriors(), Posterior.class).stream()
                .filter(posterior -> posterior.getFit().equals(fit))
                .toList();
        assertThat(posteriors)
                .extracting(Posterior::getVersion)
                .as("versions of the posterior")
                .isEqualTo(LongStream.rangeClosed(1, posteriors.size()).boxed().toList());
        Posterior last = posteriors.get(posteriors.size() - 1);
        assertThat(last.getState()).isEqualTo(PosteriorState.COMPLETE);
        assertThat(last.getBatches()).isEqualTo(n);
        return last;
    }

    private <V extends org.apache.avro.specific.SpecificRecord> List<V> values(String topic, Class<V> type) {
        return CommittedRecords.of(connection, topic, type).stream()
                .map(ConsumerRecord::value)
                .toList();
    }

    /** Another fit of the same topic, that nothing happens to. */
    private void undisturbed() {
        FitterSettings settings =
                FitterSettings.defaults().named("undisturbed").withStateDir(dir.resolve("undisturbed"));
        try (Fitter fitter = new Fitter(connection, settings, posterior -> {})) {
            fitter.start();
            fitter.awaitReplayed();
        }
    }

    private Map<TopicPartition, Long> committed() throws Exception {
        Map<TopicPartition, Long> committed = new HashMap<>();
        admin.listConsumerGroupOffsets(group())
                .partitionsToOffsetAndMetadata()
                .get()
                .forEach((partition, offset) -> committed.put(partition, offset == null ? 0L : offset.offset()));
        return committed;
    }

    private boolean offsetsAreAtTheEnd() throws Exception {
        List<String> inputs = new ArrayList<>(internal("-repartition"));
        inputs.add(connection.topics().statistics());
        Map<TopicPartition, Long> committed = committed();
        return ends(inputs, IsolationLevel.READ_COMMITTED).entrySet().stream()
                .allMatch(end -> end.getValue() == 0 || committed.getOrDefault(end.getKey(), 0L) >= end.getValue());
    }

    /** Nothing stands behind the last thing that can be read. */
    private void assertEndsAreCommitted() throws Exception {
        List<String> outputs = new ArrayList<>(internal("-repartition"));
        outputs.addAll(internal("-changelog"));
        outputs.addAll(List.of(
                connection.topics().factorUpdates(),
                connection.topics().factors(),
                connection.topics().posteriors()));
        assertThat(ends(outputs, IsolationLevel.READ_COMMITTED))
                .as("ends of what can be read")
                .isEqualTo(ends(outputs, IsolationLevel.READ_UNCOMMITTED));
    }

    private List<String> internal(String suffix) throws ExecutionException, InterruptedException {
        return admin.listTopics().names().get().stream()
                .filter(topic -> topic.startsWith(group() + "-") && topic.endsWith(suffix))
                .toList();
    }

    private Map<TopicPartition, Long> ends(List<String> topics, IsolationLevel isolation)
            throws ExecutionException, InterruptedException {
        Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
        admin.describeTopics(topics)
                .allTopicNames()
                .get()
                .forEach((topic, description) -> description
                        .partitions()
                        .forEach(partition ->
                                latest.put(new TopicPartition(topic, partition.partition()), OffsetSpec.latest())));
        Map<TopicPartition, Long> ends = new HashMap<>();
        admin.listOffsets(latest, new ListOffsetsOptions(isolation))
                .all()
                .get()
                .forEach((partition, info) -> ends.put(partition, info.offset()));
        return ends;
    }

    @Override
    public void close() {
        stream.close();
        members.forEach(member -> member.process.close());
        admin.close();
    }
}
