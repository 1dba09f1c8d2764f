package io.calibrant.scorer.serving;

/**
 * What a question is to be answered with.
 *
 * @param run its id
 * @param fit its name, or {@link ServingSettings#LATEST_COMPLETE}
 */
public record Target(String run, String fit) {}
