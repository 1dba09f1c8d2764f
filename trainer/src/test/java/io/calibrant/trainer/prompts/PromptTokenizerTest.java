package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PromptTokenizerTest {
    @TempDir
    Path directory;

    @Test
    void shouldNameAMissingFile() {
        assertThatThrownBy(() -> PromptTokenizer.load(directory))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tokenizer file " + directory.resolve("tokenizer.json")
                        + " does not exist: a model directory holds tokenizer.json");
    }

    @Test
    void shouldNameAFileThatIsNoTokenizer() throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), "{\"version\": \"1.0\"");

        assertThatThrownBy(() -> PromptTokenizer.load(directory))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(
                        "tokenizer file " + directory.resolve("tokenizer.json") + " is not a tokenizer.json: ");
    }

    @Test
    void shouldAddTheSpecialTokensOfThePostProcessorOnly() {
        try (PromptTokenizer golden = Tokenizers.golden()) {
            assertThat(golden.encode("Answer:")[0]).as("BOS").isZero();
            assertThat(golden.encode("Answer:")).hasSize(golden.encodePlain("Answer:").length + 1);
        }
    }

    @Test
    void shouldNotTruncateLongTextsNorPad() {
        try (PromptTokenizer golden = Tokenizers.golden()) {
            assertThat(golden.encodePlain("Answer: ".repeat(2000))).hasSizeGreaterThan(2000);
            assertThat(golden.encodePlain("")).isEmpty();
        }
    }
}
