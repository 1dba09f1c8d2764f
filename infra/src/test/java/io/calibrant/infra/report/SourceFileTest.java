package io.calibrant.infra.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SourceFileTest {
    @Test
    void shouldDigestTheBytes(@TempDir Path dir) throws Exception {
        Path file = Files.writeString(dir.resolve("a.jsonl"), "abc");
        // FIPS 180-2, appendix B.1
        assertThat(SourceFile.of("questions", file, 7))
                .isEqualTo(new SourceFile(
                        "questions", "a.jsonl", 7, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    }

    /** It was read once, for its questions; a second time it would be empty, or never end. */
    @Test
    void shouldNotReadAPipeAgain() {
        assertThat(SourceFile.of("questions", Path.of("/dev/null"), 3).sha256()).isEmpty();
    }

    @Test
    void shouldWriteACommandAsItWasTypedWithoutItsSecrets() {
        assertThat(TypedCommand.of(List.of(
                        "evaluate", "--questions", "my test.jsonl", "--schema-registry", "http://u:p@host:8081")))
                .isEqualTo("calibrant evaluate --questions 'my test.jsonl' --schema-registry"
                        + " 'http://********@host:8081'");
        assertThat(TypedCommand.of(List.of("ask", "--run", "it's"))).isEqualTo("calibrant ask --run 'it'\\''s'");
    }
}
