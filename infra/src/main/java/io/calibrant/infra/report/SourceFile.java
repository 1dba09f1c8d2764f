package io.calibrant.infra.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A file that a report rests on.
 *
 * @param role what it was used for, for example questions
 * @param name without its directory
 * @param questions how many it has
 * @param sha256 digest of its bytes, 64 hexadecimal digits; empty for what can be read only once, a pipe
 */
public record SourceFile(String role, String name, int questions, String sha256) {
    /**
     * Reads a file for its digest.
     *
     * @throws IllegalArgumentException naming the file if it cannot be read
     */
    public static SourceFile of(String role, Path file, int questions) {
        Path name = file.getFileName();
        String shown = name == null ? file.toString() : name.toString();
        if (!Files.isRegularFile(file)) {
            return new SourceFile(role, shown, questions, "");
        }
        try (InputStream bytes = Files.newInputStream(file);
                DigestInputStream digested = new DigestInputStream(bytes, MessageDigest.getInstance("SHA-256"))) {
            digested.transferTo(OutputStream.nullOutputStream());
            return new SourceFile(
                    role,
                    shown,
                    questions,
                    HexFormat.of().formatHex(digested.getMessageDigest().digest()));
        } catch (IOException e) {
            throw new IllegalArgumentException("file " + file + " cannot be read: " + e, e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
