package io.calibrant.fitter.topology;

import io.calibrant.schemas.avro.Posterior;
import java.util.Map;

/**
 * All that a fit is tuned on, as it is at one moment.
 *
 * @param base the posterior whose factors and prior precision are the present ones, as it was before any tuning; its version is
 *     the first that has them
 * @param answers the labelled validation answers of this checkpoint, by question
 */
record TuningSet(Posterior base, Map<String, TuningAnswer> answers) {
    TuningSet {
        answers = Map.copyOf(answers);
    }
}
