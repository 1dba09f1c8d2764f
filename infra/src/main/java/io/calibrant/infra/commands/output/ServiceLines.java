package io.calibrant.infra.commands.output;

import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.function.Supplier;

/** What a service says, as lines of a log: time, level and text, as the log of its libraries has them. Thread-safe. */
public final class ServiceLines {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSS", Locale.ROOT);

    private final Output output;
    private final Supplier<LocalTime> clock;

    /** @param output takes the lines, as notes */
    public ServiceLines(Output output) {
        this(output, LocalTime::now);
    }

    ServiceLines(Output output, Supplier<LocalTime> clock) {
        this.output = output;
        this.clock = clock;
    }

    /** A line on what goes on as it should. */
    public void info(String text) {
        line("INFO ", text);
    }

    /** A line on what somebody should look at, though the service goes on. */
    public void warn(String text) {
        line("WARN ", text);
    }

    private void line(String level, String text) {
        output.note(clock.get().format(TIME) + " " + level + " " + text);
    }
}
