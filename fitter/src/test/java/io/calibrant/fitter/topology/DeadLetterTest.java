package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calibrant.fitter.settings.FitterSettings;
import io.calibrant.schemas.Connection;
import io.calibrant.schemas.Keys;
import io.calibrant.schemas.Tensors;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.DType;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.PriorMean;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.Tensor;
import io.calibrant.schemas.registry.RegistryUnavailableException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.errors.StreamsException;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every bad statistic: once in the dead-letter topic, as it came, with the reason; the good ones around it folded. */
class DeadLetterTest {
    /** Of what needs no driver of its own: starting one costs more than all that is asked of it. */
    private static Driver shared;

    private static int runs;

    @TempDir
    private static Path sharedStateDir;

    @TempDir
    Path stateDir;

    @BeforeAll
    static void startShared() {
        shared = new Driver(Driver.settings(), sharedStateDir, Map.of());
    }

    @AfterAll
    static void closeShared() {
        shared.close();
    }

    /** Tests share the driver, and each has a run to itself; what a test that failed left unread is passed over. */
    @BeforeEach
    void passOver() {
        shared.deadLetters();
        shared.updates();
    }

    private record Bad(String reason, Consumer<Statistics> spoil) {
        @Override
        public String toString() {
            return reason;
        }
    }

    private static Tensor tensor(float value, int... shape) {
        int count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        float[] values = new float[count];
        Arrays.fill(values, value);
        return Tensors.of(values, shape);
    }

    private static double[] doubles(double value, int count) {
        double[] values = new double[count];
        Arrays.fill(values, value);
        return values;
    }

    private static Tensor smallWith(float corner) {
        return Tensors.of(new float[] {corner, 5, 0, 5, 1, 0, 0, 0, 1}, 3, 3);
    }

    private static List<SharedInput> shared(String block, Tensor small) {
        return List.of(new SharedInput(block, small, 0.0, null));
    }

    static List<Bad> spoilt() {
        return List.of(
                new Bad("rows have shape [7, 60], the run's block expects [m, 61]", s -> s.setRows(tensor(1, 7, 60))),
                new Bad("rows have shape [61], the run's block expects [m, 61]", s -> s.setRows(tensor(1, 61))),
                new Bad("small has shape [2, 2], the run's block expects [3, 3]", s -> s.setSmall(tensor(1, 2, 2))),
                new Bad("rows holds NaN at index 0", s -> s.setRows(tensor(Float.NaN, 7, 61))),
                new Bad("rows holds Infinity at index 0", s -> s.setRows(tensor(Float.POSITIVE_INFINITY, 1, 61))),
                new Bad("small holds NaN", s -> s.setSmall(tensor(Float.NaN, 3, 3))),
                new Bad("small is not a sum of outer products", s -> s.setSmall(smallWith(1))),
                new Bad(
                        "small is not symmetric",
                        s -> s.setSmall(Tensors.of(new float[] {1, 5, 0, 0, 1, 0, 0, 0, 1}, 3, 3))),
                new Bad(
                        "needs 244 bytes, found 8",
                        s -> s.setRows(new Tensor(List.of(1, 61), DType.F32, ByteBuffer.wrap(new byte[8])))),
                new Bad("the run has no such block", s -> s.setBlock("model.layers.9.mlp.up_proj.lora_A")),
                new Bad("the run is unknown", s -> s.setRunId("nobody")),
                new Bad(
                        "checkpoint must be 1 to 100 letters, digits, '.', '_' and '-', got 'a/b'",
                        s -> s.setCheckpoint("a/b")),
                new Bad("batch -1, expected 0 to 3", s -> s.setBatch(-1)),
                new Bad("batch 4, expected 0 to 3", s -> s.setBatch(4)),
                new Bad("batchesExpected 0", s -> s.setBatchesExpected(0L)),
                new Bad("batchesExpected 9, earlier batches of the pass said 4", s -> s.setBatchesExpected(9L)),
                new Bad("forgetting is 0.0, expected a finite number in (0, 1]", s -> s.setForgetting(0)),
                new Bad("forgetting is 1.5", s -> s.setForgetting(1.5)),
                new Bad("forgetting is NaN", s -> s.setForgetting(Double.NaN)),
                new Bad("batches 0, expected 1 to 65536", s -> s.setBatches(0)),
                new Bad("batches 2147483647, expected 1 to 65536", s -> s.setBatches(Integer.MAX_VALUE)),
                new Bad("stride 0, expected 1 or more", s -> s.setStride(0)),
                new Bad("3 batches with a stride of 2 reach beyond the last one, 3", s -> {
                    s.setBatches(3);
                    s.setStride(2);
                }),
                new Bad("1 of its 2 batches are folded already", s -> {
                    s.setBatch(0);
                    s.setBatches(2);
                    s.setStride(2);
                }),
                new Bad("the run has no such block as nobody", s -> s.setShared(shared("nobody", tensor(1, 3, 3)))),
                new Bad("shares the input with itself", s -> s.setShared(shared(Pass.A.getName(), tensor(1, 3, 3)))),
                new Bad("its large side is its gradient", s -> s.setShared(shared(Pass.B.getName(), tensor(1, 3, 3)))),
                new Bad("n is 0.0", s -> s.setN(0)),
                new Bad("n is NaN", s -> s.setN(Double.NaN)),
                new Bad("n is 4.9E-324", s -> s.setN(Double.MIN_VALUE)),
                new Bad("examples is 4.9E-324", s -> s.setExamples(Double.MIN_VALUE)),
                new Bad("examples is 1.0E300", s -> s.setExamples(1e300)),
                new Bad("squaredNorm is 1.0E300", s -> s.setSquaredNorm(1e300)),
                new Bad("it would make the factors overflow", s -> s.setRows(Tensors.of(doubles(1e60, 61), 1, 61))),
                new Bad("examples is -1.0", s -> s.setExamples(-1)),
                new Bad("trace is -1.0", s -> s.setTrace(-1)),
                new Bad("logLikelihood is -Infinity", s -> s.setLogLikelihood(Double.NEGATIVE_INFINITY)),
                new Bad("squaredNorm is NaN", s -> s.setSquaredNorm(Double.NaN)),
                new Bad("squaredDistance is -2.0", s -> s.setSquaredDistance(-2.0)));
    }

    @ParameterizedTest
    @MethodSource("spoilt")
    void shouldPutABadStatisticAwayAndFoldTheRest(Bad bad) {
        String run = newRun();
        send(run, 0);
        Statistics value = statistic(run, 1);
        bad.spoil.accept(value);
        String key = Keys.block(value.getRunId(), value.getCheckpoint(), value.getBlock());
        byte[] sent = shared.send(key, value);
        for (long batch = 1; batch < 4; batch++) {
            send(run, batch);
        }
        shouldBeTheOneDeadLetter(shared, Driver.bytes(key), sent, bad.reason);
        shouldHaveFoldedAll(run);
    }

    @Test
    void shouldDeadLetterWhatCannotBeDecoded() {
        byte[] good = shared.encode(Statistics.class, "statistics", statistic("any", 0));
        List<byte[]> values = new ArrayList<>();
        byte[] magic = good.clone();
        magic[0] = 7;
        byte[] unknown = good.clone();
        unknown[1] = 77;
        values.add(magic);
        values.add(unknown);
        values.add(Arrays.copyOf(good, good.length / 2));
        values.add(new byte[0]);
        values.add("hello".getBytes(StandardCharsets.UTF_8));
        for (byte[] value : values) {
            String run = newRun();
            byte[] key = Driver.bytes(key(run, Pass.A));
            send(run, 0);
            shared.sendRaw(key, value);
            for (long batch = 1; batch < 4; batch++) {
                send(run, batch);
            }
            shouldBeTheOneDeadLetter(shared, key, value, "topic statistics");
            shouldHaveFoldedAll(run);
        }
    }

    @Test
    void shouldDeadLetterNullKeysNullValuesAndKeysOfOthers() {
        String run = newRun();
        shouldDeadLetterTheKey(run, null, "without a key");
        shouldDeadLetterTheKey(run, Driver.bytes(key(run, Pass.B)), "does not name it");
        shouldDeadLetterTheKey(run, new byte[] {(byte) 0xff, 1}, "does not name it");
        shared.send(key(run, Pass.A), null);
        shouldBeTheOneDeadLetter(
                shared, Driver.bytes(key(run, Pass.A)), null, "null value: statistics cannot be retracted");
    }

    private static void shouldDeadLetterTheKey(String run, byte[] key, String reason) {
        byte[] value = shared.encode(Statistics.class, "statistics", statistic(run, 0));
        shared.sendRaw(key, value);
        shouldBeTheOneDeadLetter(shared, key, value, reason);
    }

    @Test
    void shouldRefuseAFitAroundTheInitialAdapterWhereItIsNotKnown() {
        FitterSettings settings =
                Driver.settings().with(Driver.settings().prior().withMean(PriorMean.INITIAL));
        try (Driver driver = driver(settings)) {
            Statistics value = Pass.statistic(Pass.A, 0, 4L);
            value.setSquaredDistance(null);
            byte[] sent = driver.send(Pass.key(Pass.A), value);
            shouldBeTheOneDeadLetter(driver, Driver.bytes(Pass.key(Pass.A)), sent, "no squaredDistance");
        }
    }

    @Test
    void shouldRefuseAFactorThatNoRecordCanHold() {
        String run = newId();
        Block wide = new Block("wide.lora_A", 1, 5000, Side.INPUT);
        shared.run(Run.newBuilder()
                .setRunId(run)
                .setBlocks(List.of(wide))
                .setRank(null)
                .build());
        Statistics value = statistic(run, 0);
        value.setBlock("wide.lora_A");
        value.setRows(tensor(1, 1, 5000));
        value.setSmall(tensor(1, 1, 1));
        byte[] sent = shared.send(key(run, wide), value);
        shouldBeTheOneDeadLetter(shared, Driver.bytes(key(run, wide)), sent, "takes 100000000 bytes");
    }

    @Test
    void shouldRefuseStatisticsOfARunThatCannotBe() {
        Block none = new Block(Pass.A.getName(), 0, 61, Side.INPUT);
        shouldRefuseTheRun(5, List.of(none), "outputs and inputs of block " + Pass.A.getName() + " must be 1 or more");
        shouldRefuseTheRun(0, Pass.BLOCKS, "rank must be 1 or more, or none, got 0");
        shouldRefuseTheRun(-1, Pass.BLOCKS, "rank must be 1 or more, or none, got -1");
        shouldRefuseTheRun(5, List.of(Pass.A, Pass.A), "block " + Pass.A.getName() + " occurs twice");
        shouldRefuseTheRun(
                5, List.of(Pass.A, new Block("x".repeat(1001), 1, 1, Side.INPUT)), "the name of a block must be");
    }

    private static void shouldRefuseTheRun(int rank, List<Block> blocks, String reason) {
        String run = newId();
        shared.run(
                Run.newBuilder().setRunId(run).setBlocks(blocks).setRank(rank).build());
        byte[] sent = send(run, 0);
        shouldBeTheOneDeadLetter(shared, Driver.bytes(key(run, Pass.A)), sent, reason);
    }

    @Test
    void shouldRefuseWhatComesAfterTheRunCameAgainWithASmallerRank() {
        String run = newRun();
        send(run, 0);
        shared.run(run(run, 2));
        byte[] sent = send(run, 1);
        shouldBeTheOneDeadLetter(
                shared, Driver.bytes(key(run, Pass.A)), sent, "the rank of a run cannot become smaller");
        shared.run(run(run, Pass.RANK));
        for (long batch = 1; batch < 4; batch++) {
            send(run, batch);
        }
        shouldHaveFoldedAll(run);
    }

    @Test
    void shouldRefuseStatisticsOfAnUnreadableRun() {
        String run = newId();
        shared.runRaw(run, new byte[] {0, 0, 0, 0, 99, 1});
        byte[] sent = send(run, 0);
        shouldBeTheOneDeadLetter(shared, Driver.bytes(key(run, Pass.A)), sent, "topic runs");
    }

    @Test
    void shouldStopInsteadOfPuttingAwayWhenTheRegistryIsGone() {
        Map<String, String> properties = Map.of(Connection.SERDE, RegistryIsGone.class.getName());
        try (Driver driver = new Driver(Driver.settings(), stateDir, properties)) {
            driver.run(Pass.run(Pass.RANK));
            Statistics value = Pass.statistic(Pass.A, 0, 4L);
            assertThatThrownBy(() -> driver.send(Pass.key(Pass.A), value))
                    .isInstanceOf(StreamsException.class)
                    .hasRootCauseMessage("registry http://gone does not answer");
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    @Test
    void shouldStopInsteadOfPuttingAwayWhenTheRegistryDoesNotTellWhatARunIs() {
        Map<String, String> properties = Map.of(Connection.DESERIALIZER, RunsRegistryIsGone.class.getName());
        try (Driver driver = new Driver(Driver.settings(), stateDir, properties)) {
            driver.run(Pass.run(Pass.RANK));
            Statistics value = Pass.statistic(Pass.A, 0, 4L);
            assertThatThrownBy(() -> driver.send(Pass.key(Pass.A), value))
                    .isInstanceOf(StreamsException.class)
                    .hasRootCauseMessage("registry http://gone does not answer");
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    /** Reads no run: only they are decoded by whoever asks, not by a serde of the topology. */
    public static final class RunsRegistryIsGone implements Deserializer<Object> {
        @Override
        public Object deserialize(String topic, byte[] bytes) {
            throw new RegistryUnavailableException("registry http://gone does not answer");
        }
    }

    /** A serde whose registry does not answer when a value is read. */
    public static final class RegistryIsGone implements Serde<Object> {
        @Override
        public Serializer<Object> serializer() {
            return (topic, value) -> new byte[0];
        }

        @Override
        public Deserializer<Object> deserializer() {
            return (topic, bytes) -> {
                throw new RegistryUnavailableException("registry http://gone does not answer");
            };
        }
    }

    private Driver driver(FitterSettings settings) {
        Driver driver = new Driver(settings, stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
        driver.run(Pass.run(Pass.RANK));
        return driver;
    }

    private static String newId() {
        return "run-" + ++runs;
    }

    /** Its id; the shared driver knows it. */
    private static String newRun() {
        String id = newId();
        shared.run(run(id, Pass.RANK));
        return id;
    }

    private static Run run(String id, int rank) {
        Run run = Pass.run(rank);
        run.setRunId(id);
        return run;
    }

    private static Statistics statistic(String run, long batch) {
        Statistics value = Pass.statistic(Pass.A, batch, 4L);
        value.setRunId(run);
        return value;
    }

    private static String key(String run, Block block) {
        return Keys.block(run, Pass.CHECKPOINT, block.getName());
    }

    private static byte[] send(String run, long batch) {
        return shared.send(key(run, Pass.A), statistic(run, batch));
    }

    /** Every batch of the run, and nothing else since the test began. */
    private static void shouldHaveFoldedAll(String run) {
        Factor factor = shared.factors().get(Keys.blockFit(run, Pass.CHECKPOINT, Pass.A.getName(), "default"));
        assertThat(factor.getBatches()).isEqualTo(4);
        assertThat(factor.getN()).isEqualTo(4 * 28);
        assertThat(shared.updates()).hasSize(4);
    }

    private static void shouldBeTheOneDeadLetter(Driver driver, byte[] key, byte[] value, String reason) {
        List<TestRecord<byte[], byte[]>> letters = driver.deadLetters();
        assertThat(letters).hasSize(1);
        TestRecord<byte[], byte[]> letter = letters.get(0);
        assertThat(letter.key()).isEqualTo(key);
        assertThat(letter.value()).isEqualTo(value);
        Map<String, String> headers = new LinkedHashMap<>();
        for (Header header : letter.headers()) {
            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        assertThat(headers.get("__streams.errors.message")).contains(reason);
        assertThat(headers)
                .containsEntry("__streams.errors.topic", "statistics")
                .containsKeys(
                        "__streams.errors.exception",
                        "__streams.errors.stacktrace",
                        "__streams.errors.partition",
                        "__streams.errors.offset");
    }
}
