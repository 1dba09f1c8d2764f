package io.calibrant.infra.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.infra.documents.Page;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The shell blocks of README.md run as they stand, one after the other, in one shell. The first block is left out: its
 * two lines are {@code DemoIT}'s, and the build that runs this test.
 */
class ReadmeIT {
    /** A minute on a quiet machine; other tests run beside it. */
    private static final Duration LIMIT = Duration.ofSeconds(400);

    @TempDir
    private Path dir;

    @Test
    void shouldDoWhatItSays() throws Exception {
        List<String> blocks = Page.read("README.md").blocks("sh");
        assertThat(blocks.get(0).lines().map(line -> line.replaceFirst(" +#.*", "")))
                .containsExactly("./infra/calibrant demo", "mvn -B verify");

        PageShell shell = PageShell.inCheckout(dir);
        List<String> said = shell.run(blocks.subList(1, blocks.size()), List.of("9092", "8081"), LIMIT);

        assertThat(said.get(0)).contains("calibration");
        assertThat(shell.directory().resolve("adapter/adapter_model.safetensors"))
                .isNotEmptyFile();
        // A JVM may write warnings of its own to standard output.
        List<String> answers = Files.readAllLines(shell.directory().resolve("answers.jsonl")).stream()
                .filter(line -> line.startsWith("{"))
                .toList();
        assertThat(answers.size()).as("answers").isEqualTo(100);
        assertThat(answers.get(0)).contains("\"probabilities\"", "\"run\":\"news-1\"");
        assertThat(said.get(2)).contains("MAP").contains("COMPLETE");
        assertThat(shell.directory().resolve("report.html")).isNotEmptyFile();
    }
}
