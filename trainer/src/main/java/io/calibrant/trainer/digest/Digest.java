package io.calibrant.trainer.digest;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 over a sequence of values, each with its length, so that no two sequences run into the same bytes. */
public final class Digest {
    private final MessageDigest digest;

    public Digest() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    public Digest add(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        number(bytes.length);
        digest.update(bytes);
        return this;
    }

    public Digest add(long[] values) {
        number(values.length);
        for (long value : values) {
            number(value);
        }
        return this;
    }

    public Digest add(int[] values) {
        number(values.length);
        for (int value : values) {
            number(value);
        }
        return this;
    }

    public Digest add(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(Float.BYTES, values.length));
        bytes.asFloatBuffer().put(values);
        number(values.length);
        digest.update(bytes);
        return this;
    }

    /** A part of something longer, of which the reader knows where it ends. */
    public void addBytes(byte[] bytes, int length) {
        digest.update(bytes, 0, length);
    }

    private void number(long value) {
        digest.update(ByteBuffer.allocate(Long.BYTES).putLong(0, value));
    }

    /** {@code sha256:} and 64 hexadecimal digits; ends this digest. */
    public String hex() {
        return "sha256:" + HexFormat.of().formatHex(digest.digest());
    }
}
