package io.calibrant.infra.evaluation;

/** An evaluation that cannot be completed; the message is one line for the user. */
public final class EvaluationFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    EvaluationFailure(String message) {
        super(message);
    }
}
