package io.calibrant.trainer.statistics;

/**
 * Which batches a record of statistics holds.
 *
 * @param first sequence number of the first of them in its pass, over all shards
 * @param stride from one to the next
 * @param expected batches of the whole pass, over all shards; null where it has no end (live)
 */
public record BatchRange(long first, int stride, Long expected) {}
