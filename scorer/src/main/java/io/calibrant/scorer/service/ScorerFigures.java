package io.calibrant.scorer.service;

import io.calibrant.schemas.avro.Posterior;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a scorer knows at a moment.
 *
 * @param served the posteriors that answer
 * @param newer by run, how many complete posteriors there are that would answer in place of the one that does, or in
 *     place of none, and cannot be served
 * @param taking whether it takes questions; how many wait is not known where it does not
 * @param poll how long the thread has taken for its questions so far that has taken longest; empty where no thread
 *     takes any
 */
public record ScorerFigures(
        List<Posterior> served, Map<String, Integer> newer, boolean taking, Optional<Duration> poll) {
    /** Both are kept as they are. */
    public ScorerFigures {
        served = List.copyOf(served);
        newer = Map.copyOf(newer);
    }
}
