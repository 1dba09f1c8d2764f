package io.calibrant.scorer.service;

/** What answers a question: a run and the name of a fit, or {@link ScorerSettings#LATEST_COMPLETE}. */
record Target(String run, String fit) {}
