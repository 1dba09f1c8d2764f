package io.calibrant.infra.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Resident memory of this process, from Linux's /proc; NaN elsewhere. PyTorch's memory is outside the Java heap. */
final class Memory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private Memory() {}

    /** MB resident now, after a collection of the Java heap. */
    static double resident() {
        System.gc();
        return field("VmRSS:");
    }

    /** The most MB that were resident during {@code work}, the model and everything else included. */
    static double peak(Runnable work) {
        System.gc();
        try {
            Files.writeString(CLEAR, "5"); // resets the peak
        } catch (IOException notLinux) {
            return Double.NaN;
        }
        work.run();
        return field("VmHWM:");
    }

    private static double field(String name) {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith(name)) {
                    return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
                }
            }
        } catch (IOException notLinux) {
            return Double.NaN;
        }
        return Double.NaN;
    }
}
