package io.calibrant.infra.evaluation;

import io.calibrant.schemas.avro.Answer;

/**
 * An answered validation question whose label is known.
 *
 * @param truth index of the true choice
 */
record ValidationAnswer(Answer answer, int truth) {}
