package io.calibrant.fitter.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/** What may have happened to a state directory. */
enum Damage {
    /** All of it is gone. */
    DELETED {
        @Override
        void in(Path state, Random chance) throws IOException {
            delete(state);
        }
    },
    /** Garbage in the middle of every file. */
    GARBAGE {
        @Override
        void in(Path state, Random chance) throws IOException {
            for (Path file : files(state, "")) {
                overwrite(file, Files.size(file) / 2, chance);
            }
        }
    },
    /** Garbage where the largest table of every store begins: the store opens, and cannot be read. */
    UNREADABLE {
        @Override
        void in(Path state, Random chance) throws IOException {
            Map<Path, Path> largest = new HashMap<>();
            for (Path file : files(state, ".sst")) {
                largest.merge(file.getParent(), file, (a, b) -> size(a) >= size(b) ? a : b);
            }
            for (Path file : largest.values()) {
                overwrite(file, 0, chance);
            }
        }
    },
    /** Every file is cut in half. */
    CUT {
        @Override
        void in(Path state, Random chance) throws IOException {
            for (Path file : files(state, "")) {
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    channel.truncate(channel.size() / 2);
                }
            }
        }
    },
    /** The tables of the stores are gone, what refers to them is not. */
    LOST {
        @Override
        void in(Path state, Random chance) throws IOException {
            for (Path file : files(state, ".sst")) {
                Files.delete(file);
            }
        }
    };

    private static final int GARBAGE_BYTES = 64;

    /**
     * Does it.
     *
     * @param state a directory with stores in it
     */
    void to(Path state, Random chance) throws IOException {
        files(state, ".sst"); // else there is nothing to be damaged
        in(state, chance);
    }

    abstract void in(Path state, Random chance) throws IOException;

    private static List<Path> files(Path state, String ending) throws IOException {
        try (Stream<Path> all = Files.walk(state)) {
            List<Path> files = all.filter(Files::isRegularFile)
                    .filter(file -> file.toString().endsWith(ending) && size(file) > 0)
                    .toList();
            assertThat(files).as("files to be damaged").isNotEmpty();
            return files;
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void overwrite(Path file, long from, Random chance) throws IOException {
        byte[] garbage = new byte[(int) Math.min(GARBAGE_BYTES, Files.size(file) - from)];
        chance.nextBytes(garbage);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(garbage), from);
        }
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
