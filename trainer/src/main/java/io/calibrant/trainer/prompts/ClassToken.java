package io.calibrant.trainer.prompts;

/**
 * A label and the one token that says it.
 *
 * @param label as in the questions
 * @param tokenId id in the model's vocabulary; of a sequence classifier the row of its head
 */
public record ClassToken(String label, int tokenId) {}
