package io.calibrant.schemas.reading;

import java.util.function.Consumer;
import java.util.function.IntPredicate;

/**
 * How a reader reads; see {@link TopicReading}, which makes it.
 *
 * @param bounded whether to the present end, and no further
 * @param fromNow whether from the present end, and not from the beginning
 * @param awaitingTopics whether topics that are missing are waited for, and not refused
 * @param partitions which ones, by number
 * @param badRecords hears of records that cannot be read
 * @param outages hears of a broker or registry that is away; null where that is not waited for
 */
record ReadPolicy(
        boolean bounded,
        boolean fromNow,
        boolean awaitingTopics,
        IntPredicate partitions,
        Consumer<String> badRecords,
        Consumer<String> outages) {}
