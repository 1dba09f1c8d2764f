package io.calibrant.infra.demo;

import io.calibrant.schemas.text.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/** The demo's line of progress: rewritten in place on a terminal, else printed at intervals. */
public final class Display implements DemoListener {
    private static final Duration EVERY = Duration.ofSeconds(5);
    /** The interval of lines in which only the estimate has changed. */
    private static final Duration STILL_EVERY = Duration.ofMinutes(1);

    private static final int BAR = 24;

    private static final int DETAIL = 300;
    private final PrintWriter writer;
    private final boolean terminal;
    private final LongSupplier nanos;
    private String stage = "";
    private String printed = "";
    private String printedDetail = "";
    private long last;
    private int width;

    /**
     * Shows nothing yet.
     *
     * @param terminal whether a carriage return takes the cursor back
     * @param nanos the time
     */
    Display(PrintWriter writer, boolean terminal, LongSupplier nanos) {
        this.writer = writer;
        this.terminal = terminal;
        this.nanos = nanos;
    }

    /** On standard error, rewritten in place if that is a terminal. */
    public static Display onStandardError(PrintWriter standardError) {
        boolean terminal;
        try {
            // Java asks about all three streams at once, or not at all; where there is no /proc lines are printed.
            terminal = Path.of("/proc/self/fd/2").toRealPath().toString().matches("/dev/(pts/|tty).*");
        } catch (IOException e) {
            terminal = false;
        }
        return new Display(standardError, terminal, System::nanoTime);
    }

    @Override
    public synchronized void said(String line) {
        clear();
        writer.println(Printable.message(line));
        writer.flush();
    }

    @Override
    public synchronized void progress(String currentStage, String detail, double share, Duration remaining) {
        String line = String.format(
                Locale.ROOT,
                "[%s] %3.0f%%  %s: %s%s",
                "#".repeat((int) (share * BAR)) + ".".repeat(BAR - (int) (share * BAR)),
                100 * share,
                Printable.name(currentStage),
                Printable.text(detail, DETAIL),
                remaining == null ? "" : ", about " + words(remaining) + " remain");
        if (terminal) {
            writer.print("\r" + line + " ".repeat(Math.max(0, width - line.length())));
            width = line.length();
        } else if (isWorthALine(currentStage, detail, line)) {
            writer.println(line);
            printed = line;
            printedDetail = detail;
            last = nanos.getAsLong();
        }
        stage = currentStage;
        writer.flush();
    }

    /** Prints every new stage, and changes at intervals; never the same line twice. */
    private boolean isWorthALine(String currentStage, String detail, String line) {
        Duration quiet = detail.equals(printedDetail) ? STILL_EVERY : EVERY;
        return !line.equals(printed) && (!currentStage.equals(stage) || nanos.getAsLong() - last >= quiet.toNanos());
    }

    private void clear() {
        if (width > 0) {
            writer.print("\r" + " ".repeat(width) + "\r");
            width = 0;
        }
    }

    /** A duration in seconds or minutes. */
    static String words(Duration duration) {
        long seconds = Math.max(1, duration.plusMillis(500).toSeconds());
        return seconds < 90 ? seconds + " s" : (seconds + 30) / 60 + " min";
    }
}
