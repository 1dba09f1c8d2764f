package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
import io.calibrant.schemas.Shard;
import io.calibrant.trainer.curvature.FisherType;
import io.calibrant.trainer.curvature.KfacApproximation;
import java.util.Optional;

/**
 * The curvature passes: at which weights, by which process, and what is measured.
 *
 * @param kfac which rows enter the sums
 * @param fisher which gradients
 * @param rank k: at most 2k rows a block and batch are sent; empty: all
 * @param shard this process's part of every pass
 * @param checkpointEvery at every so many steps a checkpoint is published and its curvature measured; 0: at the end
 *     only
 */
public record CurvatureSettings(
        KfacApproximation kfac, FisherType fisher, Optional<Integer> rank, Shard shard, int checkpointEvery) {
    /** K-FAC expand of the exact Fisher, k = 10, the whole pass, at the end only. */
    public static final CurvatureSettings DEFAULT =
            new CurvatureSettings(KfacApproximation.EXPAND, FisherType.EXACT, Optional.of(10), Shard.WHOLE, 0);

    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public CurvatureSettings {
        Require.atLeast("--checkpoint-every", checkpointEvery, 0);
        Require.that(rank.orElse(1) >= 1, "--rank", rank.orElse(1), "1 or more, or full");
    }

    /** The same with other rows and gradients. */
    public CurvatureSettings withFisher(KfacApproximation newKfac, FisherType newFisher) {
        return new CurvatureSettings(newKfac, newFisher, rank, shard, checkpointEvery);
    }

    /** The same with another rank; empty: rows go unreduced. */
    public CurvatureSettings withRank(Optional<Integer> newRank) {
        return new CurvatureSettings(kfac, fisher, newRank, shard, checkpointEvery);
    }

    /** The same, of one shard. */
    public CurvatureSettings withShard(Shard newShard) {
        return new CurvatureSettings(kfac, fisher, rank, newShard, checkpointEvery);
    }

    /** The same at every so many steps; 0: at the end only. */
    public CurvatureSettings withCheckpointEvery(int steps) {
        return new CurvatureSettings(kfac, fisher, rank, shard, steps);
    }
}
