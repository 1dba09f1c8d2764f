package io.calibrant.scorer.serving;

import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import java.util.List;
import java.util.Map;

/**
 * One complete posterior and where everything it stands on lies.
 *
 * @param run what was trained
 * @param posterior state COMPLETE
 * @param adapter places of the weights by block name, of every block of the run
 * @param factors places of the factors by block name, at exactly the batches of the posterior
 */
record ServablePosterior(
        Run run, Posterior posterior, Map<String, RecordPosition> adapter, Map<String, RecordPosition> factors) {
    ServablePosterior {
        adapter = Map.copyOf(adapter);
        factors = Map.copyOf(factors);
    }

    /** What makes it different from any other, for people, too. */
    String id() {
        return Catalogue.id(posterior);
    }

    /**
     * What its projections depend on: a posterior that only temperature or c tell from another has the same.
     *
     * @param blocks with prior precision and batches
     */
    record Basis(String run, String checkpoint, String fit, boolean residual, List<BlockPrecision> blocks) {}

    static Basis basis(Posterior posterior) {
        return new Basis(
                posterior.getRunId(),
                posterior.getCheckpoint(),
                posterior.getFit(),
                posterior.getResidual(),
                List.copyOf(posterior.getBlocks()));
    }
}
