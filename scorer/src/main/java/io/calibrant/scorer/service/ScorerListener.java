package io.calibrant.scorer.service;

/** Told how the scorer is doing; called on the thread that runs it. */
public interface ScorerListener {
    /** Nothing can be served yet; no question is taken meanwhile. Called once for each reason. */
    void waiting(String reason);

    /** From the next question on, answers come from this posterior. */
    void serving(String checkpoint, String fit, long posteriorVersion);

    /**
     * One poll is committed.
     *
     * @param answered answers in it
     * @param rejected questions in it that went to the dead-letter topic
     */
    void committed(int answered, int rejected);

    /** Says nothing. */
    ScorerListener SILENT = new ScorerListener() {
        @Override
        public void waiting(String reason) {
            // silent
        }

        @Override
        public void serving(String checkpoint, String fit, long posteriorVersion) {
            // silent
        }

        @Override
        public void committed(int answered, int rejected) {
            // silent
        }
    };
}
