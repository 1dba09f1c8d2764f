package io.calibrant.trainer.files;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Optional;

/**
 * Reads files whole, but only what is a file: a named pipe would be waited for without a word, and a device has no end.
 */
public final class InputFile {
    /** The largest JSON file of a model that is read; the largest tokenizers have some 35 MB. */
    public static final long MOST_JSON_BYTES = 1L << 29;

    /** The largest file that fits into an array. */
    public static final long MOST_BYTES = Integer.MAX_VALUE - 16;

    /** So many bytes suffice to tell the kinds of files apart. */
    public static final int HEAD = 64;

    private InputFile() {}

    /**
     * Reads all bytes of a regular file.
     *
     * @param most a larger file is refused before memory is taken
     * @throws java.nio.file.NoSuchFileException if there is none
     * @throws IOException whose message says in words why it cannot be read; without the path
     */
    public static byte[] read(Path file, long most) throws IOException {
        requireRegular(file);
        long size = Files.size(file);
        if (size <= most) {
            try (InputStream in = Files.newInputStream(file)) {
                byte[] bytes = in.readNBytes((int) Math.min(most + 1, Integer.MAX_VALUE - 8L));
                size = bytes.length;
                if (size <= most) {
                    return bytes;
                }
            }
        }
        throw new IOException("it has " + size + " bytes, at most " + most + " are read");
    }

    /**
     * Checks that there is a regular file.
     *
     * @throws java.nio.file.NoSuchFileException if there is none
     * @throws IOException whose message says in words what there is instead; without the path
     */
    public static void requireRegular(Path file) throws IOException {
        Path directory = file.toAbsolutePath().getParent();
        if (Files.exists(directory) && !Files.isDirectory(directory)) {
            throw new NoSuchFileException(file.toString());
        }
        BasicFileAttributes is = Files.readAttributes(file, BasicFileAttributes.class);
        if (!is.isRegularFile()) {
            throw new IOException(
                    is.isDirectory() ? "it is a directory, not a file" : "it is a pipe or a device, not a file");
        }
    }

    /**
     * What a file is by its first bytes, where that is a kind often found in the place of another, with the way out.
     *
     * @param head the first bytes of the file, {@link #HEAD} or all
     * @return words that follow "it is"; empty for any other kind
     */
    public static Optional<String> foreignKind(byte[] head) {
        String text = new String(Arrays.copyOf(head, Math.min(head.length, HEAD)), StandardCharsets.ISO_8859_1);
        if (head.length == 0) {
            return Optional.of("empty: was it downloaded to its end?");
        }
        if (text.startsWith("version https://git-lfs")) {
            return Optional.of("a git-lfs pointer, not the file itself: 'git lfs pull' in its repository fetches it");
        }
        if (text.startsWith("\u001f\u008b")) {
            return Optional.of("compressed by gzip: 'gunzip' it first");
        }
        if (text.startsWith("(\u00b5/\u00fd") || text.startsWith("BZh") || text.startsWith("\u00fd7zXZ")) {
            return Optional.of("compressed (zstd, bzip2 or xz): unpack it first");
        }
        if (text.startsWith("PK\u0003\u0004")) {
            return Optional.of("a zip archive, as torch.save writes one");
        }
        if (text.startsWith("\u0080\u0002") || text.startsWith("\u0080\u0003") || text.startsWith("\u0080\u0004")) {
            return Optional.of("a pickle, as torch.save writes one");
        }
        if (text.startsWith("GGUF")) {
            return Optional.of("a GGUF file");
        }
        if (text.startsWith("PAR1")) {
            return Optional.of("a Parquet file");
        }
        if (text.startsWith("\u00ff\u00fe") || text.startsWith("\u00fe\u00ff")) {
            return Optional.of("text in UTF-16: save it as UTF-8");
        }
        if (text.stripLeading().startsWith("<")) {
            return Optional.of("HTML or XML, as a web page that was saved instead of the file");
        }
        return Optional.empty();
    }
}
