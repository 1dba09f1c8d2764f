package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import io.calibrant.schemas.avro.SharedInput;
import io.calibrant.schemas.avro.Side;
import io.calibrant.schemas.avro.Statistics;
import io.calibrant.schemas.avro.Tensor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** q, k and v read one input: one record holds its rows once, and the small side of each. */
class SharedInputTest {
    private static final Block Q = Pass.A;
    private static final Block K = new Block("model.layers.0.self_attn.k_proj.lora_A", 2, 61, Side.INPUT);
    private static final Block V = new Block("model.layers.0.self_attn.v_proj.lora_A", 3, 61, Side.INPUT);
    private static final Block WIDER = new Block("model.layers.0.mlp.down_proj.lora_A", 3, 67, Side.INPUT);
    private static final List<Block> BLOCKS = List.of(Q, K, V);

    @TempDir
    Path stateDir;

    @Test
    void shouldGiveTheFactorsOfSeparateRecordsByteForByte() {
        for (Integer rank : new Integer[] {Pass.RANK, null}) {
            List<byte[]> shared;
            List<FactorUpdate> sharedUpdates;
            List<Posterior> sharedPosteriors;
            try (Driver driver = driver(rank)) {
                for (long batch = 0; batch < 33; batch++) {
                    driver.send(Pass.key(Q), together(batch));
                }
                assertThat(driver.deadLetters()).isEmpty();
                sharedUpdates = driver.updates();
                sharedPosteriors = driver.posteriors();
                shared = encoded(driver, driver.factors());
            }
            try (Driver driver = driver(rank)) {
                for (long batch = 0; batch < 33; batch++) {
                    for (Block block : BLOCKS) {
                        driver.send(Pass.key(block), alone(block, batch));
                    }
                }
                List<byte[]> separate = encoded(driver, driver.factors());
                assertThat(shared).hasSize(3);
                for (int i = 0; i < 3; i++) {
                    assertThat(shared.get(i)).containsExactly(separate.get(i));
                }
                assertThat(sharedUpdates)
                        .usingElementComparator(SharedInputTest::withoutTime)
                        .containsExactlyElementsOf(driver.updates());
                assertThat(sharedPosteriors).hasSize(33);
                assertThat(sharedPosteriors)
                        .usingElementComparator(Comparator.comparing(Posterior::getLogEvidence))
                        .containsExactlyElementsOf(driver.posteriors());
            }
        }
    }

    @Test
    void shouldCountASharedBatchOnceHoweverOftenItComes() {
        try (Driver driver = driver(Pass.RANK)) {
            for (int time = 0; time < 3; time++) {
                driver.send(Pass.key(Q), together(0));
                driver.send(Pass.key(Q), together(1));
            }
            assertThat(driver.updates()).hasSize(6);
            assertThat(driver.deadLetters()).isEmpty();
        }
    }

    @Test
    void shouldRefuseABlockThatComesSharedAndAlone() {
        Statistics alone = alone(Q, 1);
        shouldRefuse(List.of(together(0)), alone, "it shares its input with [], earlier batches with [" + K.getName());
        shouldRefuse(List.of(alone(Q, 0)), together(1), "earlier batches with []");
        shouldRefuse(List.of(alone(K, 0)), together(0), "it holds block " + K.getName() + ", of which earlier");
        Statistics other = together(1);
        other.setShared(List.of(other.getShared().get(0)));
        shouldRefuse(List.of(together(0)), other, "earlier batches with");
    }

    @Test
    void shouldRefuseWhatIsNoSharedInput() {
        Statistics wider = together(0);
        wider.setShared(List.of(new SharedInput(WIDER.getName(), small(V, 0), 0.0, null)));
        shouldRefuse(List.of(), wider, "has an input of dimension 67, " + Q.getName() + " of 61");
        Statistics shape = together(0);
        shape.getShared().get(0).setSmall(small(V, 0));
        shouldRefuse(List.of(), shape, "small of shared block " + K.getName() + " has shape [3, 3]");
        Statistics norm = together(0);
        norm.getShared().get(1).setSquaredNorm(Double.NaN);
        shouldRefuse(List.of(), norm, "squaredNorm of shared block " + V.getName() + " is NaN");
    }

    private void shouldRefuse(List<Statistics> before, Statistics bad, String reason) {
        try (Driver driver = driver(Pass.RANK)) {
            driver.run(run(Pass.RANK, List.of(Q, K, V, WIDER)));
            before.forEach(value -> driver.send(key(value), value));
            int updates = driver.updates().size();
            byte[] sent = driver.send(key(bad), bad);
            var letters = driver.deadLetters();
            assertThat(letters).hasSize(1);
            assertThat(letters.get(0).value()).isEqualTo(sent);
            String message = new String(
                    letters.get(0)
                            .headers()
                            .lastHeader("__streams.errors.message")
                            .value(),
                    StandardCharsets.UTF_8);
            assertThat(message).contains(reason);
            assertThat(updates)
                    .isEqualTo(before.isEmpty() ? 0 : before.get(0).getShared().size() + 1);
            assertThat(driver.updates()).isEmpty();
        }
    }

    private static String key(Statistics value) {
        return value.getRunId() + '/' + value.getCheckpoint() + '/' + value.getBlock();
    }

    private static Tensor small(Block block, long batch) {
        return Pass.statistic(block, batch, 33L).getSmall();
    }

    private static Statistics together(long batch) {
        Statistics value = alone(Q, batch);
        List<SharedInput> shared = new ArrayList<>();
        for (Block block : List.of(K, V)) {
            Statistics of = alone(block, batch);
            shared.add(new SharedInput(block.getName(), of.getSmall(), of.getSquaredNorm(), of.getSquaredDistance()));
        }
        value.setShared(shared);
        return value;
    }

    /** All blocks of a batch have the rows of Q. */
    private static Statistics alone(Block block, long batch) {
        Statistics value = Pass.statistic(block, batch, 33L);
        Statistics first = Pass.statistic(Q, batch, 33L);
        value.setRows(first.getRows());
        value.setTrace(first.getTrace());
        value.setForgetting(0.9);
        value.setSquaredNorm(2 + BLOCKS.indexOf(block));
        return value;
    }

    private static List<byte[]> encoded(Driver driver, Map<String, Factor> factors) {
        return BLOCKS.stream()
                .map(block -> factors.get(Pass.factorKey(block)))
                .map(factor ->
                        Factor.newBuilder(factor).setTimestamp(Instant.EPOCH).build())
                .map(factor -> driver.encode(Factor.class, "factors", factor))
                .toList();
    }

    private static int withoutTime(FactorUpdate a, FactorUpdate b) {
        return FactorUpdate.newBuilder(a).setTimestamp(b.getTimestamp()).build().compareTo(b);
    }

    private Driver driver(Integer rank) {
        Driver driver = new Driver(Driver.settings(), stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
        driver.run(run(rank, BLOCKS));
        return driver;
    }

    private static Run run(Integer rank, List<Block> blocks) {
        return Run.newBuilder(Pass.run(rank)).setBlocks(blocks).build();
    }
}
