package io.calibrant.fitter.topology;

import java.time.Clock;
import java.time.Duration;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ProcessorContext;

/**
 * Commits soon after a recent record, so that its results are visible at once. Old records are a backlog, which waits
 * for Streams' own, longer commit interval: every commit writes each changed factor to state and changelog, so fewer
 * commits write less.
 */
public final class PromptCommits {
    /** Younger than this is recent. */
    private static final long RECENT_MILLIS = 2_000;

    private final Clock clock;
    private boolean wanted;

    /**
     * For one processor, from its init.
     *
     * @param interval how long a recent record waits for its commit at most
     */
    PromptCommits(ProcessorContext<?, ?> context, Duration interval, Clock clock) {
        this.clock = clock;
        context.schedule(interval, PunctuationType.WALL_CLOCK_TIME, now -> {
            if (wanted) {
                wanted = false;
                context.commit();
            }
        });
    }

    /** A record was processed. */
    void processed(long timestamp) {
        wanted |= clock.millis() - timestamp < RECENT_MILLIS;
    }
}
