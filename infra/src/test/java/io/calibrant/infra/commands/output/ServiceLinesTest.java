package io.calibrant.infra.commands.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.LocalTime;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

class ServiceLinesTest {
    @Command
    private static final class Nothing {
        @Spec
        private CommandSpec spec;
    }

    @Test
    void shouldHaveTimeAndLevelAsTheLogHas() {
        StringWriter err = new StringWriter();
        Nothing command = new Nothing();
        new CommandLine(command).setErr(new PrintWriter(err));
        ServiceLines lines = new ServiceLines(new Output(command.spec), () -> LocalTime.of(7, 5, 9, 12_000_000));
        lines.info("a line");
        lines.warn("another");
        assertThat(err.toString().lines()).containsExactly("07:05:09.012 INFO  a line", "07:05:09.012 WARN  another");
    }
}
