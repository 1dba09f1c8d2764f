package io.calibrant.trainer.safetensors;

/**
 * A file of a model or an adapter is missing, damaged, or not of a kind that is supported. The message is one line, fit
 * to print to a user: it names the file, and where they apply the tensor or key, what was expected and what was found.
 */
public final class ModelFileException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** @param message one line that names the file */
    public ModelFileException(String message) {
        super(message);
    }

    /**
     * @param message one line that names the file
     * @param cause what went wrong underneath
     */
    public ModelFileException(String message, Throwable cause) {
        super(message, cause);
    }
}
