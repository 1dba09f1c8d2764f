package io.calibrant.fitter.topology;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.junit.jupiter.api.Test;

class PromptCommitsTest {
    private static final long NOW = 1_000_000;

    private final MockProcessorContext<String, String> context = new MockProcessorContext<>();
    private final PromptCommits commits =
            new PromptCommits(context, Duration.ofMillis(150), Clock.fixed(Instant.ofEpochMilli(NOW), ZoneOffset.UTC));

    @Test
    void shouldCommitOnceAfterSomethingRecent() {
        assertThat(tick()).isFalse();
        commits.processed(NOW - 1_999);
        commits.processed(NOW - 60_000);
        assertThat(tick()).isTrue();
        assertThat(tick()).isFalse();
        commits.processed(NOW + 5_000); // a clock that is ahead
        assertThat(tick()).isTrue();
    }

    @Test
    void shouldLeaveABacklogToTheLongerInterval() {
        commits.processed(NOW - 2_000);
        commits.processed(0);
        assertThat(tick()).isFalse();
    }

    private boolean tick() {
        MockProcessorContext.CapturedPunctuator punctuator =
                context.scheduledPunctuators().get(0);
        assertThat(punctuator.getType()).isEqualTo(PunctuationType.WALL_CLOCK_TIME);
        assertThat(punctuator.getInterval()).isEqualTo(Duration.ofMillis(150));
        context.resetCommit();
        punctuator.getPunctuator().punctuate(NOW);
        return context.committed();
    }
}
