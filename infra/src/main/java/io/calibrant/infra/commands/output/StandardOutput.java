package io.calibrant.infra.commands.output;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;

/**
 * Standard output, in UTF-8 whatever the locale says. Beyond what a writer knows it tells that the reader of a pipe is
 * gone while nothing is written: {@code answers | head} is to end with {@code head}, and the next answer may come in an
 * hour.
 */
public final class StandardOutput extends PrintWriter {
    /** Of poll(2): no reader is left; on some systems the second. */
    private static final int GONE = 0x8 | 0x10;

    private static final Method POLL = poll();

    private final FileDescriptor descriptor;

    /** That of this process. */
    public StandardOutput() {
        this(FileDescriptor.out);
    }

    StandardOutput(FileDescriptor descriptor) {
        super(new OutputStreamWriter(new FileOutputStream(descriptor), StandardCharsets.UTF_8), true);
        this.descriptor = descriptor;
    }

    /** Whether something could not be written, or nobody is left to read it. */
    @Override
    public boolean checkError() {
        return super.checkError() || isReaderGone();
    }

    private boolean isReaderGone() {
        try {
            return POLL != null && ((int) POLL.invoke(null, descriptor, 0, 0L) & GONE) != 0;
        } catch (ReflectiveOperationException e) {
            return false; // what is written next will tell
        }
    }

    /**
     * The JDK's poll(2). Java has no other way to it; the launcher opens the package. Null where it is not open: then
     * only a write tells.
     */
    private static Method poll() {
        try {
            Method poll = Class.forName("sun.nio.ch.Net")
                    .getDeclaredMethod("poll", FileDescriptor.class, int.class, long.class);
            poll.setAccessible(true);
            return poll;
        } catch (ReflectiveOperationException | InaccessibleObjectException e) {
            return null;
        }
    }
}
