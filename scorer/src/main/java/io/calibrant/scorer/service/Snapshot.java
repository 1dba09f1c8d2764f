package io.calibrant.scorer.service;

import io.calibrant.fitter.posterior.BlockPosterior;
import io.calibrant.schemas.avro.AdapterBlock;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import java.util.List;
import java.util.Map;

/**
 * One complete posterior with everything it stands on, never a mixture: the adapter of its checkpoint and exactly the
 * factors it was formed from.
 *
 * @param run what was trained
 * @param posterior state COMPLETE
 * @param adapter weights by block name, of every block of the run
 * @param blocks eigenpairs and prior precision of every block of the run, in the run's order
 */
record Snapshot(Run run, Posterior posterior, Map<String, AdapterBlock> adapter, List<BlockPosterior> blocks) {
    Snapshot {
        adapter = Map.copyOf(adapter);
        blocks = List.copyOf(blocks);
    }
}
