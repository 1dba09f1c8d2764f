package io.calibrant.trainer.prompts;

/** What is said of a question that cannot be asked: {@code KEY must be ACCEPTED, got VALUE}, in one line. */
final class Refusal {
    private Refusal() {}

    /** @param got what was found, in words */
    static IllegalArgumentException of(String key, String accepted, Object got) {
        return new IllegalArgumentException(key + " must be " + accepted + ", got " + got);
    }

    /** @param got the text that was found; null for nothing */
    static IllegalArgumentException ofText(String key, String accepted, String got) {
        return of(key, accepted, got == null ? "nothing" : "'" + got + "'");
    }
}
