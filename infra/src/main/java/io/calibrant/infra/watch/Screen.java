package io.calibrant.infra.watch;

import io.calibrant.infra.watch.FrameLine.Piece;
import io.calibrant.schemas.text.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;

/**
 * Where frames go: a terminal, in which each takes the place of the one before, or a file or pipe, one after another.
 * On a terminal only the lines are written that have changed, so that nothing flickers.
 */
final class Screen {
    private static final int COLUMNS = 80;

    private final PrintWriter writer;
    private final boolean terminal;
    private final boolean colour;
    private List<String> before = List.of();
    private int[] sizeBefore = {0, 0};

    Screen(PrintWriter writer, boolean terminal, boolean colour) {
        this.writer = writer;
        this.terminal = terminal;
        this.colour = colour;
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
        String[] said = Keyboard.stty("size").split(" ", -1);
        try {
            if (said.length == 2) {
                int[] size = {Integer.parseInt(said[0]), Integer.parseInt(said[1])};
                if (size[0] > 0 && size[1] > 0) {
                    return size;
                }
            }
        } catch (NumberFormatException e) {
            // A terminal that does not say how large it is.
        }
        return new int[] {24, COLUMNS};
    }

    /**
     * Shows a frame; returns whether somebody is still there to see it.
     *
     * @param size what {@link #size} said; a terminal of another size than before is written anew
     */
    boolean show(List<FrameLine> frame, int[] size) {
        List<String> lines = frame.stream().map(this::written).toList();
        StringBuilder text = new StringBuilder();
        if (!terminal) {
            lines.forEach(line -> text.append(line).append(System.lineSeparator()));
            text.append(System.lineSeparator());
        } else {
            boolean anew = size[0] != sizeBefore[0] || size[1] != sizeBefore[1];
            if (anew) {
                text.append("\033[2J");
            }
            for (int i = 0; i < lines.size(); i++) {
                if (anew || i >= before.size() || !lines.get(i).equals(before.get(i))) {
                    text.append("\033[")
                            .append(i + 1)
                            .append(";1H")
                            .append(lines.get(i))
                            .append("\033[K");
                }
            }
            for (int i = lines.size(); !anew && i < before.size(); i++) {
                text.append("\033[").append(i + 1).append(";1H\033[K");
            }
            // Below the frame, where a shell goes on if this process is stopped or killed. The cursor stays to be seen:
            // nobody would bring it back then.
            text.append("\033[").append(lines.size()).append(";1H");
            before = lines;
            sizeBefore = size.clone();
        }
        writer.print(text);
        writer.flush();
        return !writer.checkError();
    }

    /** A line for the terminal: what came from a topic commands nothing. */
    private String written(FrameLine line) {
        StringBuilder text = new StringBuilder();
        for (Piece piece : line.pieces()) {
            String shown = Printable.text(piece.text());
            String code = colour ? piece.tone().code() : "";
            text.append(code.isEmpty() || shown.isBlank() ? shown : "\033[" + code + "m" + shown + "\033[0m");
        }
        return text.toString().stripTrailing();
    }

    /** Whatever is on a terminal now is not the frame before: the next one is written anew. */
    void forget() {
        sizeBefore = new int[] {0, 0};
    }

    /** Gives a terminal back: what comes next stands below the frame. */
    void close() {
        if (terminal) {
            writer.print("\r\n");
            writer.flush();
        }
    }
}
