package io.calibrant.scorer.serving;

import io.calibrant.schemas.avro.BlockPrecision;
import io.calibrant.schemas.avro.InputFactor;
import io.calibrant.schemas.avro.Posterior;
import io.calibrant.schemas.avro.Run;
import java.util.List;
import java.util.Map;

/**
 * One complete posterior and the positions of all records that it needs.
 *
 * @param run what was trained
 * @param posterior state COMPLETE
 * @param adapter positions of the weights by name, of every block and saved weight of the run
 * @param factors positions of the factors by name of block or input that counts, at exactly the batches of the
 *     posterior
 */
record ServablePosterior(
        Run run, Posterior posterior, Map<String, RecordPosition> adapter, Map<String, RecordPosition> factors) {
    ServablePosterior {
        adapter = Map.copyOf(adapter);
        factors = Map.copyOf(factors);
    }

    /** Checkpoint, fit and version, for messages. */
    String id() {
        return Catalogue.id(posterior);
    }

    /**
     * What its predictors depend on. Posteriors that differ in their calibration only have the same basis.
     *
     * @param blocks with prior precision and batches
     * @param inputs with batches
     */
    record Basis(
            String run,
            String checkpoint,
            String fit,
            boolean residual,
            List<BlockPrecision> blocks,
            List<InputFactor> inputs) {}

    /** Every input of the run, in the order of the layers; none where the posterior says nothing of familiarity. */
    List<InputFactor> inputs() {
        return inputs(posterior);
    }

    static List<InputFactor> inputs(Posterior posterior) {
        return posterior.getFamiliarity() == null
                ? List.of()
                : posterior.getFamiliarity().getInputs();
    }

    static Basis basis(Posterior posterior) {
        return new Basis(
                posterior.getRunId(),
                posterior.getCheckpoint(),
                posterior.getFit(),
                posterior.getResidual(),
                List.copyOf(posterior.getBlocks()),
                List.copyOf(inputs(posterior)));
    }
}
