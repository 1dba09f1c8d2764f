package io.calibrant.trainer.digest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DigestTest {
    @TempDir
    Path directory;

    @Test
    void shouldTellSequencesApartWhoseBytesRunTogether() {
        assertThat(new Digest().add("ab").add("c").hex())
                .isNotEqualTo(new Digest().add("a").add("bc").hex());
        assertThat(new Digest().add(new int[] {1}).add(new int[] {2, 3}).hex())
                .isNotEqualTo(
                        new Digest().add(new int[] {1, 2}).add(new int[] {3}).hex());
        assertThat(new Digest().add(new float[] {1}).add(new float[0]).hex())
                .isNotEqualTo(
                        new Digest().add(new float[0]).add(new float[] {1}).hex());
    }

    @Test
    void shouldBeTheSameForTheSameSequence() {
        assertThat(new Digest().add("a").add(new long[] {5}).hex())
                .isEqualTo(new Digest().add("a").add(new long[] {5}).hex())
                .matches("sha256:[0-9a-f]{64}");
    }

    /** Digests that are on topics already must stay what they are: name, a zero, content, in the order of names. */
    @Test
    void shouldDigestTheFilesThatMakeAModelAndNoOthers() throws Exception {
        write("tokenizer.json", "t");
        write("config.json", "c");
        write("model.safetensors", "m");
        String before = ModelDigest.of(directory);
        assertThat(before).isEqualTo(sha256("config.json\0c" + "model.safetensors\0m" + "tokenizer.json\0t"));

        write("README.md", "ignored");
        assertThat(ModelDigest.of(directory)).isEqualTo(before);

        write("model.safetensors", "n");
        assertThat(ModelDigest.of(directory)).isNotEqualTo(before);
    }

    @Test
    void shouldNameADirectoryThatCannotBeRead() {
        Path absent = directory.resolve("absent");
        assertThatThrownBy(() -> ModelDigest.of(absent))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("model directory " + absent + " cannot be read");
    }

    private void write(String name, String content) throws IOException {
        Files.writeString(directory.resolve(name), content);
    }

    private static String sha256(String text) throws NoSuchAlgorithmException {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        return "sha256:" + HexFormat.of().formatHex(digest);
    }
}
