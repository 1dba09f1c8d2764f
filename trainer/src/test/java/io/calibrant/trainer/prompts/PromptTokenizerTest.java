package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
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

    @Test
    void shouldRefuseByLineAndColumnWhatEndsTheProcessInNativeCode() throws IOException {
        // a colon is missing within decoder: the library panics, and its JVM with it
        String golden = golden();
        int decoder = golden.indexOf("\"decoder\"");
        int colon = golden.indexOf(':', golden.indexOf("\"type\"", decoder));
        assertRefused(golden.substring(0, colon) + golden.substring(colon + 1), "no JSON at line ", ", column ");
        assertRefused(golden.substring(0, golden.length() / 2), "no JSON at line ");
        assertRefused(golden + "x", "no JSON at line ");
        assertRefused("version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer");
        for (String table : List.of("null", "5", "\"!!!\"", "\"\"", "\"BAAAAAAAAAA=\"", "\"/////wAAAAA=\"")) {
            assertRefused(
                    golden.replace(
                            "\"normalizer\": null",
                            "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Precompiled\","
                                    + " \"precompiled_charsmap\": " + table + "}]}"),
                    "precompiled_charsmap must be");
        }
        assertRefused(
                golden.replaceFirst("\"special_tokens\": \\{", "\"special_tokens\": {}, \"before\": {"),
                "special token '<s>' must be one of special_tokens");
        assertRefused(golden.replaceFirst("\"id\": \"A\"", "\"id\": \"B\""), "must be of sequence A, got B");
    }

    @Test
    void shouldRefuseBytesThatAreNotUtf8() throws IOException {
        byte[] bytes = golden().getBytes(StandardCharsets.UTF_8);
        bytes[golden().indexOf("</s>")] = (byte) 0xff;
        Files.write(directory.resolve("tokenizer.json"), bytes);
        assertThatThrownBy(() -> PromptTokenizer.load(directory)).hasMessageContaining("is not UTF-8");
    }

    @Test
    void shouldBeginTextsAsTheTokenizersConfigurationSays() throws IOException {
        long[] plain;
        try (PromptTokenizer golden = Tokenizers.golden()) {
            plain = golden.encodePlain("Answer:");
        }
        assertBegins(plain, "{}", 0);
        assertBegins(plain, "{\"add_bos_token\": true, \"bos_token\": \"<s>\"}", 0);
        assertBegins(plain, "{\"add_bos_token\": true, \"bos_token\": {\"content\": \"<pad>\"}}", 2);
        assertBegins(plain, "{\"add_bos_token\": false, \"add_eos_token\": false}");
        assertThatThrownBy(() -> load("{\"add_bos_token\": true, \"bos_token\": \"<begin>\"}"))
                .hasMessageContaining(
                        "tokenizer_config.json: bos_token must be a token of tokenizer.json, got '<begin>'");
        assertThatThrownBy(() -> load("{\"add_bos_token\": \"no\"}"))
                .hasMessageContaining("tokenizer_config.json: add_bos_token must be true or false, got \"no\"");
    }

    private void assertBegins(long[] plain, String settings, long... prefix) throws IOException {
        try (PromptTokenizer tokenizer = load(settings)) {
            assertThat(tokenizer.encode("Answer:"))
                    .containsExactly(LongStream.concat(LongStream.of(prefix), LongStream.of(plain))
                            .toArray());
            assertThat(tokenizer.changes().isEmpty())
                    .as("the digest of a model does not change where nothing does")
                    .isEqualTo(Arrays.equals(prefix, new long[] {0}));
        }
    }

    @Test
    void shouldRefuseToAskAfterTheEndOfAText() throws IOException {
        assertThatThrownBy(() -> load("{\"add_bos_token\": true, \"add_eos_token\": true, \"bos_token\": \"<s>\"}"))
                .hasMessageContaining("tokenizer_config.json: add_eos_token must be false");
        String appends = golden().replaceFirst(
                        "(?s)(\"single\": \\[.*?\"Sequence\".*?\\}\\s*\\})",
                        "$1, {\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}");
        Files.delete(directory.resolve("tokenizer_config.json"));
        Path file = Files.writeString(directory.resolve("tokenizer.json"), appends);
        assertThatThrownBy(() -> PromptTokenizer.load(directory))
                .hasMessageStartingWith("tokenizer file " + file
                        + ": post_processor must be one that adds nothing behind a text, got '<s>'")
                .hasMessageContaining("add_eos_token");
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"add_eos_token\": false}");
        try (PromptTokenizer tokenizer = PromptTokenizer.load(directory)) {
            long[] ids = tokenizer.encode("Answer:");
            assertThat(ids[0]).isZero();
            assertThat(ids[ids.length - 1]).isNotZero();
        }
    }

    /** What transformers puts behind a text; the class token of a causal model cannot follow it. */
    @Test
    void shouldKeepTheEndOfATextForWhoeverReadsItThere() throws IOException {
        String appends = golden().replaceFirst(
                        "(?s)(\"single\": \\[.*?\"Sequence\".*?\\}\\s*\\})",
                        "$1, {\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}");
        Files.writeString(directory.resolve("tokenizer.json"), appends);
        Path settings = directory.resolve("tokenizer_config.json");
        assertEnds("post_processor must be one that adds nothing", true, 0);
        Files.writeString(settings, "{\"add_eos_token\": true, \"eos_token\": \"</s>\"}");
        assertEnds("add_eos_token must be false", false, 1);
        Files.writeString(settings, "{\"add_eos_token\": true}");
        assertEnds("add_eos_token must be false", true, 0);
        Files.writeString(settings, "{\"add_eos_token\": false}");
        assertEnds("", false);
        Files.writeString(directory.resolve("tokenizer.json"), golden());
        assertEnds("", true);
        Files.writeString(settings, "{\"add_eos_token\": true, \"eos_token\": \"<end>\"}");
        assertThatThrownBy(() -> PromptTokenizer.loadWithEnd(directory))
                .hasMessageContaining(
                        "tokenizer_config.json: eos_token must be a token of tokenizer.json, got '<end>'");
    }

    private void assertEnds(String refusal, boolean isAsInTheFile, long... suffix) {
        try (PromptTokenizer tokenizer = PromptTokenizer.loadWithEnd(directory)) {
            assertThat(tokenizer.suffix()).containsExactly(suffix);
            assertThat(tokenizer.changes().isEmpty()).isEqualTo(isAsInTheFile);
            if (refusal.isEmpty()) {
                tokenizer.requireOpenEnd();
            } else {
                assertThatThrownBy(tokenizer::requireOpenEnd).hasMessageContaining(refusal);
            }
        }
    }

    @Test
    void shouldSayHowToMakeATokenizerJson() throws IOException {
        Files.createFile(directory.resolve("tokenizer.model"));
        assertThatThrownBy(() -> PromptTokenizer.load(directory))
                .hasMessageContainingAll(
                        "tokenizer.json does not exist", "but tokenizer.model is there", "AutoTokenizer");
    }

    private PromptTokenizer load(String settings) throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), golden());
        Files.writeString(directory.resolve("tokenizer_config.json"), settings);
        return PromptTokenizer.load(directory);
    }

    private void assertRefused(String json, String... parts) throws IOException {
        Path file = Files.writeString(directory.resolve("tokenizer.json"), json);
        assertThatThrownBy(() -> PromptTokenizer.load(directory))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("tokenizer file " + file + " is not a tokenizer.json: ")
                .hasMessageContainingAll(parts);
    }

    private static String golden() throws IOException {
        return Files.readString(Path.of("src/test/resources/golden/tokenizer.json"));
    }
}
