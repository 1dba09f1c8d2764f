package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.fitter.folding.FoldedBatches;
import io.calibrant.fitter.folding.MissingShards;
import io.calibrant.fitter.linalg.Columns;
import io.calibrant.fitter.linalg.Compression;
import io.calibrant.fitter.linalg.FrequentDirections;
import io.calibrant.fitter.linalg.FullSum;
import io.calibrant.fitter.linalg.LargeSide;
import io.calibrant.fitter.linalg.Naive;
import io.calibrant.fitter.linalg.SymmetricEigen;
import io.calibrant.fitter.records.FactorRecords;
import io.calibrant.schemas.avro.Block;
import io.calibrant.schemas.avro.Factor;
import io.calibrant.schemas.avro.FactorUpdate;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.PosteriorState;
import io.calibrant.schemas.avro.Statistics;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A curvature pass that several processes share: shard i of N sends the batches i, i + N, ... in its own time. */
class ShardedPassTest {
    private static final long BATCHES = 11;

    @TempDir
    Path stateDir;

    @Test
    void shouldEqualOneProcessToRoundingWhereNothingIsTruncated() {
        Map<String, Factor> one = factors(Compression.TRUNCATE, null, whole());
        for (int shards = 2; shards <= 4; shards++) {
            for (int seed = 0; seed < 3; seed++) {
                Map<String, Factor> many = factors(Compression.TRUNCATE, null, interleaved(shards, seed));
                for (Block block : Pass.BLOCKS) {
                    Factor a = one.get(Pass.factorKey(block));
                    Factor b = many.get(Pass.factorKey(block));
                    assertThat(Naive.relative(sum(b), sum(a))).isLessThan(1e-14);
                    assertThat(Naive.relative(
                                    FactorRecords.factor(b).small(),
                                    FactorRecords.factor(a).small()))
                            .isLessThan(1e-14);
                    assertThat(b.getN()).isEqualTo(a.getN());
                    assertThat(b.getBatches()).isEqualTo(BATCHES);
                }
            }
        }
    }

    @Test
    void shouldEqualOneProcessWithinThePublishedErrorWhereColumnsAreFew() {
        for (Compression compression : Compression.values()) {
            Map<String, Factor> one = factors(compression, Pass.RANK, whole());
            for (int shards = 2; shards <= 3; shards++) {
                Map<String, Factor> many = factors(compression, Pass.RANK, interleaved(shards, shards));
                for (Block block : List.of(Pass.A, Pass.B)) {
                    Factor a = one.get(Pass.factorKey(block));
                    Factor b = many.get(Pass.factorKey(block));
                    double[] difference =
                            SymmetricEigen.values(Naive.plus(sum(a), Naive.times(-1, sum(b))), Pass.d(block));
                    double rounding = 1e-6 * a.getTrace(); // of float32 columns
                    assertThat(difference[0]).isLessThanOrEqualTo(error(b) + rounding);
                    assertThat(difference[difference.length - 1]).isGreaterThanOrEqualTo(-error(a) - rounding);
                }
            }
        }
    }

    /** What one may be off at most, from what is published. */
    private static double error(Factor factor) {
        LargeSide side = FactorRecords.factor(factor).large();
        return side instanceof FrequentDirections
                ? factor.getDelta()
                : factor.getTrace() - side.spectrum().sum();
    }

    @Test
    void shouldBeCompleteWithTheLastBatchOfEveryShardAndSayWhichItWaitsFor() {
        try (Driver driver = driver(Compression.TRUNCATE, Pass.RANK)) {
            for (long batch : new long[] {0, 3, 1, 6, 9, 4}) { // shard 0 of 3 is through, 1 halfway, 2 silent
                sendAll(driver, batch, 3);
            }
            Posterior last = last(driver.posteriors());
            assertThat(last.getState()).isEqualTo(PosteriorState.LIVE);
            assertThat(last.getWaitsFor()).containsExactly("1/3", "2/3");
            for (long batch : new long[] {7, 2, 10, 5}) {
                sendAll(driver, batch, 3);
            }
            last = last(driver.posteriors());
            assertThat(last.getState()).isEqualTo(PosteriorState.LIVE);
            assertThat(last.getWaitsFor()).containsExactly("2/3");
            sendAll(driver, 8, 3);
            last = last(driver.posteriors());
            assertThat(last.getState()).isEqualTo(PosteriorState.COMPLETE);
            assertThat(last.getWaitsFor()).isEmpty();
            assertThat(last(driver.updates())).returns(List.of(), FactorUpdate::getWaitsFor);
        }
    }

    @Test
    void shouldKnowTheMissingShardsAsCountingWould() {
        Random random = new Random(8);
        for (int time = 0; time < 200; time++) {
            int shards = 1 + random.nextInt(5);
            long expected = 1L + random.nextInt(17);
            FoldedBatches folded = FoldedBatches.NONE;
            List<String> missing = new ArrayList<>();
            boolean[] lacks = new boolean[shards];
            for (long batch = 0; batch < expected; batch++) {
                if (random.nextInt(4) > 0) {
                    folded = folded.plus(batch, 1, 1);
                } else {
                    lacks[(int) (batch % shards)] = true;
                }
            }
            for (int i = 0; i < shards && shards > 1; i++) {
                if (lacks[i]) {
                    missing.add(i + "/" + shards);
                }
            }
            Statistics of = Statistics.newBuilder(Pass.statistic(Pass.HEAD, 0, expected))
                    .setSource("0/" + shards)
                    .build();
            assertThat(MissingShards.of(of, folded, expected)).isEqualTo(missing);
            assertThat(MissingShards.of(of, folded, null)).isEmpty();
        }
    }

    private static List<Long> whole() {
        List<Long> batches = new ArrayList<>();
        for (long batch = 0; batch < BATCHES; batch++) {
            batches.add(batch);
        }
        return batches;
    }

    /** The shards' batches, each shard in order, any shard next. */
    private static List<Long> interleaved(int shards, int seed) {
        List<List<Long>> left = new ArrayList<>();
        for (int i = 0; i < shards; i++) {
            left.add(new ArrayList<>());
        }
        whole().forEach(batch -> left.get((int) (batch % shards)).add(batch));
        Random random = new Random(seed);
        List<Long> order = new ArrayList<>();
        while (order.size() < BATCHES) {
            List<Long> next = left.get(random.nextInt(left.size()));
            if (!next.isEmpty()) {
                order.add(next.remove(0));
            }
        }
        return order;
    }

    private Map<String, Factor> factors(Compression compression, Integer rank, List<Long> order) {
        try (Driver driver = driver(compression, rank)) {
            order.forEach(batch -> sendAll(driver, batch, 1));
            return driver.factors();
        }
    }

    private static void sendAll(Driver driver, long batch, int shards) {
        for (Block block : Pass.BLOCKS) {
            Statistics value = Pass.statistic(block, batch, BATCHES);
            value.setSource(batch % shards + "/" + shards);
            value.setStride(shards);
            driver.send(Pass.key(block), value);
        }
    }

    private static double[] sum(Factor factor) {
        LargeSide side = FactorRecords.factor(factor).large();
        if (side instanceof FullSum full) {
            return full.sum();
        }
        double[] columns = side instanceof Columns of ? of.columns() : ((FrequentDirections) side).columns();
        return Naive.outer(columns, columns.length / side.dimension(), side.dimension());
    }

    private static <T> T last(List<T> list) {
        return list.get(list.size() - 1);
    }

    private Driver driver(Compression compression, Integer rank) {
        Driver driver = new Driver(
                Driver.compressing(compression), stateDir.resolve(String.valueOf(System.nanoTime())), Map.of());
        driver.run(Pass.run(rank));
        return driver;
    }
}
