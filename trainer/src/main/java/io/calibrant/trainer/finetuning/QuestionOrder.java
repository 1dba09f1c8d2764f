package io.calibrant.trainer.finetuning;

import java.util.SplittableRandom;

/**
 * Which questions make each step's batch: every epoch a fresh permutation of all of them, decided by the seed alone.
 * The last batch of an epoch may be smaller.
 */
public final class QuestionOrder {
    private final int questions;
    private final int batchSize;
    private final SplittableRandom random;
    private int[] permutation = {};
    private int next;

    /** @throws IllegalArgumentException unless both counts are positive */
    public QuestionOrder(int questions, int batchSize, long seed) {
        if (questions < 1 || batchSize < 1) {
            throw new IllegalArgumentException(
                    "order of " + questions + " questions in batches of " + batchSize + ": both must be positive");
        }
        this.questions = questions;
        this.batchSize = batchSize;
        this.random = new SplittableRandom(seed);
    }

    /**
     * Resumes as if so many steps had been taken.
     *
     * @return how many questions they had, repetitions counted
     */
    long skip(int steps) {
        long seen = 0;
        for (int step = 0; step < steps; step++) {
            seen += nextBatch().length;
        }
        return seen;
    }

    /** The questions of the next step: 1 to batchSize distinct places. */
    public int[] nextBatch() {
        if (next == permutation.length) {
            permutation = shuffled();
            next = 0;
        }
        int end = Math.min(next + batchSize, questions);
        int[] batch = java.util.Arrays.copyOfRange(permutation, next, end);
        next = end;
        return batch;
    }

    /** Fisher and Yates. */
    private int[] shuffled() {
        int[] order = new int[questions];
        for (int i = 0; i < questions; i++) {
            int j = random.nextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }
}
