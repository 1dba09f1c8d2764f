package io.calibrant.infra.commands.options;

import io.calibrant.fitter.evidence.PriorStructure;
import io.calibrant.schemas.avro.PriorMean;
import picocli.CommandLine.Option;

/** The prior of a fit, live or from the topics. */
public final class PriorOptions {
    @Option(
            names = "--prior",
            defaultValue = "SCALAR",
            description = "One prior precision, or one a block: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private PriorStructure structure;

    @Option(
            names = "--prior-mean",
            defaultValue = "ZERO",
            description = "The prior's mean, zero or the adapter's initial value: ${COMPLETION-CANDIDATES}."
                    + " Default: ${DEFAULT-VALUE}.")
    private PriorMean mean;

    /** Whether all blocks share one prior precision. */
    public PriorStructure structure() {
        return structure;
    }

    /** Where the prior has its mean. */
    public PriorMean mean() {
        return mean;
    }
}
