package io.calibrant.trainer.prompts;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Tokenizers for tests: the golden one is committed, the others lie beside the checkout. */
final class Tokenizers {
    static final Path SHARED = Path.of("..", "..", "shared");

    private Tokenizers() {}

    /** Byte-level BPE with BOS, 512 tokens. */
    static PromptTokenizer golden() {
        return PromptTokenizer.load(Path.of("src", "test", "resources", "golden"));
    }

    /** A tokenizer of ../shared/assets; skips the test where there is none. */
    static PromptTokenizer shared(String path) {
        Path directory = SHARED.resolve("assets").resolve(path);
        assumeTrue(Files.exists(directory.resolve("tokenizer.json")), directory + " is not here: test skipped");
        return PromptTokenizer.load(directory);
    }
}
