package io.calibrant.infra.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class DisplayTest {
    private final StringWriter out = new StringWriter();
    private long seconds;

    private Display display(boolean terminal) {
        return new Display(
                new PrintWriter(out),
                terminal,
                () -> Duration.ofSeconds(seconds).toNanos());
    }

    @Test
    void shouldPrintEveryStageAndThenOnlyWhatChangedWhereThereIsNoTerminal() {
        Display display = display(false);
        for (seconds = 0; seconds < 20; seconds++) {
            display.progress("starting", "a broker", 0, null);
        }
        for (; seconds < 32; seconds++) {
            display.progress("fine-tuning", "step " + seconds, 0.5, null);
        }
        assertThat(out.toString().lines())
                .containsExactly(
                        "[........................]   0%  starting: a broker",
                        "[############............]  50%  fine-tuning: step 20",
                        "[############............]  50%  fine-tuning: step 25",
                        "[############............]  50%  fine-tuning: step 30");
    }

    @Test
    void shouldSayOnceAMinuteThatNothingMovesIfTheEstimateDoes() {
        Display display = display(false);
        for (seconds = 0; seconds < 150; seconds++) {
            display.progress("answering", "3 of 9", 0.5, Duration.ofMinutes(2 + seconds / 60));
        }
        for (; seconds < 600; seconds++) {
            display.progress("answering", "3 of 9", 0.5, Duration.ofMinutes(4));
        }
        assertThat(out.toString().lines())
                .containsExactly(
                        "[############............]  50%  answering: 3 of 9, about 2 min remain",
                        "[############............]  50%  answering: 3 of 9, about 3 min remain",
                        "[############............]  50%  answering: 3 of 9, about 4 min remain");
    }

    @Test
    void shouldRewriteItsOneLineOnATerminalAndClearItForWhatStays() {
        Display display = display(true);
        display.progress("answering", "10 of 20", 0.5, null);
        display.progress("answering", "all", 1, null);
        display.said("done");
        String first = "\r[############............]  50%  answering: 10 of 20";
        String second = "\r[########################] 100%  answering: all";
        assertThat(out.toString())
                .isEqualTo(first + second + " ".repeat(5) + "\r" + " ".repeat(second.length() - 1) + "\rdone"
                        + System.lineSeparator());
    }
}
