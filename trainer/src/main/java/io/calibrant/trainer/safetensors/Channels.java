package io.calibrant.trainer.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** Positional reads that fill their buffer. */
final class Channels {

    private Channels() {}

    /** Fills the rest of {@code target} from {@code position} on. */
    static void readFully(FileChannel channel, ByteBuffer target, long position, Path file) throws IOException {
        long at = position;
        while (target.hasRemaining()) {
            int read = channel.read(target, at);
            if (read < 0) {
                throw new ModelFileException(file + ": truncated: file ended at byte " + at + " while it was read");
            }
            at += read;
        }
    }
}
