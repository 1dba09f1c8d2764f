package io.calibrant.scorer.serving;

/** An adapter is not one of the base model: another model directory is needed, and no later record will help. */
final class MisfitException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    MisfitException(IllegalArgumentException cause) {
        super(cause.getMessage(), cause);
    }
}
