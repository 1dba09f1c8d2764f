package io.calibrant.trainer.settings;

import io.calibrant.schemas.Shard;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Where a trainer keeps its own state, to go on from it when it is started again.
 *
 * @param directory holds one file a run and shard; created where it is missing
 * @param every at most so much work is lost; 0: that of a step or batch. A checkpoint's pass is begun and ended with
 *     the state kept, whatever this says
 */
public record StateSettings(Path directory, Duration every) {
    /** @throws IllegalArgumentException naming flag, value and what is accepted */
    public StateSettings {
        TrainerSettings.require(!every.isNegative(), "--state-every", every.toSeconds(), "0 or more seconds");
    }

    /** The file of one run and shard. */
    public Path file(String run, Shard shard) {
        return directory.resolve(run + "-" + shard.index() + "-of-" + shard.count() + ".safetensors");
    }
}
