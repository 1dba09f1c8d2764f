package io.calibrant.trainer.settings;

import io.calibrant.schemas.Require;
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
    /** @throws io.calibrant.schemas.ConfigurationException naming the flag, its value and what is accepted */
    public StateSettings {
        Require.atLeast("--state-every", every.toSeconds(), 0);
    }

    /** The file of one run and shard. */
    public Path file(String run, Shard shard) {
        return directory.resolve(run + "-" + shard.index() + "-of-" + shard.count() + ".safetensors");
    }
}
