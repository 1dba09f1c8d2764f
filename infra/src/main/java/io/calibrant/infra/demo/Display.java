package io.calibrant.infra.demo;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/** The demo's one line of progress: rewritten in place on a terminal, else printed now and then. */
public final class Display implements DemoListener {
    private static final long EVERY = 5_000_000_000L;
    private static final long UNCHANGED_EVERY = 60_000_000_000L;
    private static final int BAR = 24;

    private final PrintWriter writer;
    private final boolean terminal;
    private String stage = "";
    private String printed = "";
    private long last;
    private int width;

    /**
     * Shows nothing yet.
     *
     * @param terminal whether a carriage return takes the cursor back
     */
    Display(PrintWriter writer, boolean terminal) {
        this.writer = writer;
        this.terminal = terminal;
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
        return new Display(standardError, terminal);
    }

    @Override
    public synchronized void said(String line) {
        clear();
        writer.println(line);
        writer.flush();
    }

    @Override
    public synchronized void progress(String currentStage, String detail, double share, Duration remaining) {
        long now = System.nanoTime();
        String line = String.format(
                Locale.ROOT,
                "[%s] %3.0f%%  %s: %s%s",
                "#".repeat((int) (share * BAR)) + ".".repeat(BAR - (int) (share * BAR)),
                100 * share,
                currentStage,
                detail,
                remaining == null ? "" : ", about " + words(remaining) + " remain");
        if (terminal) {
            writer.print("\r" + line + " ".repeat(Math.max(0, width - line.length())));
            width = line.length();
        } else if (!currentStage.equals(stage) || now - last > (detail.equals(printed) ? UNCHANGED_EVERY : EVERY)) {
            writer.println(line);
            printed = detail;
            last = now;
        }
        stage = currentStage;
        writer.flush();
    }

    private void clear() {
        if (width > 0) {
            writer.print("\r" + " ".repeat(width) + "\r");
            width = 0;
        }
    }

    /** A duration as people say it. */
    static String words(Duration duration) {
        long seconds = Math.max(1, duration.plusMillis(500).toSeconds());
        return seconds < 90 ? seconds + " s" : (seconds + 30) / 60 + " min";
    }
}
