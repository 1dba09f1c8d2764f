package io.calibrant.trainer;

import java.nio.file.Path;
import java.time.Duration;

/**
 * Where a trainer keeps its own state, to go on from it when it is started again.
 *
 * @param directory holds one file a run and shard; created where it is missing
 * @param every at most so much work is lost; 0: that of a step or batch. A checkpoint's pass is begun and ended with
 *     the state kept, whatever this says
 */
public record StateKeeping(Path directory, Duration every) {
    /** @throws IllegalArgumentException naming flag, value and what is accepted */
    public StateKeeping {
        TrainerSettings.require(!every.isNegative(), "--state-every", every.toSeconds(), "0 or more seconds");
    }

    Path file(String run, Shard shard) {
        return directory.resolve(run + "-" + shard.index() + "-of-" + shard.count() + ".safetensors");
    }
}
