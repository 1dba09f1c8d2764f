package io.calibrant.infra.watch;

import io.calibrant.schemas.text.Printable;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Where frames go: a terminal, in which each replaces the one before, or a file or pipe, one after another. */
final class Screen {
    private static final int COLUMNS = 80;

    private final PrintWriter writer;
    private final boolean terminal;

    Screen(PrintWriter writer, boolean terminal) {
        this.writer = writer;
        this.terminal = terminal;
    }

    /** Whether standard output is a terminal; no where that cannot be known. */
    static boolean onTerminal() {
        try {
            // Java asks about all three streams at once, or not at all.
            return Path.of("/proc/self/fd/1").toRealPath().toString().matches("/dev/(pts/|tty).*");
        } catch (IOException e) {
            return false;
        }
    }

    /** Lines and columns; lines 0 where there is no end of them. */
    int[] size() {
        if (!terminal) {
            return new int[] {0, COLUMNS};
        }
        try {
            Process stty = new ProcessBuilder("stty", "size")
                    .redirectInput(new File("/dev/tty"))
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String[] said = new String(stty.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                    .strip()
                    .split(" ", -1);
            if (stty.waitFor(1, TimeUnit.SECONDS) && said.length == 2) {
                int[] size = {Integer.parseInt(said[0]), Integer.parseInt(said[1])};
                if (size[0] > 0 && size[1] > 0) {
                    return size;
                }
            }
        } catch (IOException | NumberFormatException e) {
            // A terminal that does not say how large it is.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return new int[] {24, COLUMNS};
    }

    /** Shows a frame; returns whether somebody is still there to see it. */
    boolean show(List<String> lines) {
        StringBuilder text = new StringBuilder(terminal ? "\033[H" : "");
        for (int i = 0; i < lines.size(); i++) {
            text.append(Printable.text(lines.get(i)));
            if (terminal) {
                // No new line behind the last: that would scroll the first one away.
                text.append("\033[K").append(i + 1 < lines.size() ? "\r\n" : "\033[J");
            } else {
                text.append(System.lineSeparator());
            }
        }
        writer.print(terminal ? text.toString() : text + System.lineSeparator());
        writer.flush();
        return !writer.checkError();
    }

    /** Clears a terminal. */
    void open() {
        if (terminal) {
            writer.print("\033[2J\033[?25l");
            writer.flush();
        }
    }

    /** Gives a terminal back. */
    void close() {
        if (terminal) {
            writer.print("\033[?25h\r\n");
            writer.flush();
        }
    }
}
