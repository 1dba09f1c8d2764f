package io.calibrant.infra.watch;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The keys of the terminal, one by one and without echo, until it is closed. Ctrl-C stays what it is. A process in the
 * background has none: whoever reads from a terminal there is stopped.
 */
final class Keyboard implements AutoCloseable {
    private static final Path TERMINAL = Path.of("/dev/tty");
    private static final int ESCAPE = 27;
    private static final String[] UNBUFFERED = {"-icanon", "-echo", "min", "1"};

    private final InputStream input;
    private final String settings;

    /** A key that means something. */
    enum Key {
        QUIT,
        BLOCKS,
        UP,
        DOWN,
        PAGE_UP,
        PAGE_DOWN
    }

    /** @param input null for no keys */
    Keyboard(InputStream input, String settings) {
        this.input = input;
        this.settings = settings;
    }

    /** One without keys. */
    static Keyboard none() {
        return new Keyboard(null, "");
    }

    /** That of this process; one without keys where it has no terminal, or is in the background. */
    static Keyboard open() {
        if (!inForeground()) {
            return none();
        }
        String before = stty("-g");
        if (before.isEmpty()) {
            return none();
        }
        try {
            InputStream input = new FileInputStream(TERMINAL.toFile());
            stty(UNBUFFERED);
            return new Keyboard(input, before);
        } catch (IOException e) {
            return none();
        }
    }

    /** Whether somebody at the terminal can see this process and press keys; always where it never had a keyboard. */
    boolean isInFront() {
        return settings.isEmpty() || inForeground();
    }

    /** Takes the keys again after another process had the terminal, which may have changed its settings. */
    void takeAgain() {
        if (!settings.isEmpty()) {
            stty(UNBUFFERED);
        }
    }

    /** Whether keys are read. */
    boolean works() {
        return input != null;
    }

    /** The keys since the last call; waits for none. */
    List<Key> pressed() {
        if (input == null || !isInFront()) {
            return List.of();
        }
        try {
            byte[] bytes = new byte[Math.min(256, input.available())];
            int read = bytes.length == 0 ? 0 : input.read(bytes);
            return keys(bytes, Math.max(0, read));
        } catch (IOException e) {
            return List.of(); // a terminal that is gone: the frame will say so
        }
    }

    private static List<Key> keys(byte[] bytes, int length) {
        List<Key> keys = new ArrayList<>();
        for (int i = 0; i < length; i++) {
            if (bytes[i] == ESCAPE && i + 2 < length) { // ESC [ A, or ESC O A
                switch (bytes[i + 2]) {
                    case 'A' -> keys.add(Key.UP);
                    case 'B' -> keys.add(Key.DOWN);
                    case '5' -> keys.add(Key.PAGE_UP);
                    case '6' -> keys.add(Key.PAGE_DOWN);
                    default -> {}
                }
                i += i + 3 < length && bytes[i + 3] == '~' ? 3 : 2;
            } else {
                switch (bytes[i]) {
                    case 'q', 'Q' -> keys.add(Key.QUIT);
                    case 'b' -> keys.add(Key.BLOCKS);
                    case 'k' -> keys.add(Key.UP);
                    case 'j' -> keys.add(Key.DOWN);
                    default -> {}
                }
            }
        }
        return keys;
    }

    /** Whether the terminal's foreground process group is this process's. */
    private static boolean inForeground() {
        try {
            String stat = Files.readString(Path.of("/proc/self/stat"));
            // Behind the name: state, parent, group, session, terminal, the terminal's foreground group.
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            return fields[2].equals(fields[5]);
        } catch (IOException | RuntimeException e) {
            return false; // a system without /proc
        }
    }

    /** What {@code stty} says of the terminal; empty where it fails. */
    static String stty(String... arguments) {
        List<String> command = new ArrayList<>(List.of("stty"));
        command.addAll(List.of(arguments));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectInput(new File(TERMINAL.toString()))
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            // What it says fits into the pipe: it ends before that is read.
            if (!process.waitFor(1, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return "";
            }
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return process.exitValue() == 0 ? said.strip() : "";
        } catch (IOException e) {
            return "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }

    /**
     * Gives the terminal its own settings back. Not from the background: there the shell has done so, and whoever sets
     * something is stopped, this process with it.
     */
    @Override
    public void close() {
        if (input != null) {
            if (!settings.isEmpty() && inForeground()) {
                stty(settings);
            }
            try {
                input.close();
            } catch (IOException e) {
                // It is not read any more.
            }
        }
    }
}
