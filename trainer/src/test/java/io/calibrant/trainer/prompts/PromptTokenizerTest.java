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

    /** transformers neither truncates nor pads unless it is asked to, whatever the file says. */
    @Test
    void shouldPassOverTruncationAndPaddingOfTheFile() throws IOException {
        String text = "Which colour? Choices: A. Red. B. Blue. Answer:";
        String json = golden().replace(
                        "\"truncation\": null",
                        "\"truncation\": {\"direction\": \"Right\", \"max_length\": 4, \"strategy\": \"LongestFirst\","
                                + " \"stride\": 0}")
                .replace(
                        "\"padding\": null",
                        "\"padding\": {\"strategy\": {\"Fixed\": 64}, \"direction\": \"Left\", \"pad_to_multiple_of\":"
                                + " null, \"pad_id\": 2, \"pad_type_id\": 0, \"pad_token\": \"<pad>\"}");
        assertThat(json).contains("LongestFirst", "Fixed");
        Files.writeString(directory.resolve("tokenizer.json"), json);
        try (PromptTokenizer golden = Tokenizers.golden();
                PromptTokenizer other = PromptTokenizer.load(directory)) {
            assertThat(other.encode(text)).isEqualTo(golden.encode(text)).hasSizeGreaterThan(4);
            assertThat(other.encodePlain(text)).isEqualTo(golden.encodePlain(text));
        }
    }

    /** Tokens of tokenizer_config.json that tokenizer.json lacks: ids and splits as transformers 5.24 has them. */
    @Test
    void shouldAddTheTokensThatTheTokenizersConfigurationDeclares() throws IOException {
        String declared = "{\"added_tokens_decoder\": {\"513\": {\"content\": \"<|b|>\", \"lstrip\": false,"
                + " \"normalized\": true, \"rstrip\": false, \"single_word\": false, \"special\": false}, \"512\":"
                + " {\"content\": \"<|a|>\", \"lstrip\": false, \"normalized\": false, \"rstrip\": true,"
                + " \"single_word\": false, \"special\": true}}, \"sep_token\": \"<|c|>\", \"bos_token\": \"<s>\","
                + " \"additional_special_tokens\": [\"an\", \"th\"]}";
        try (PromptTokenizer golden = Tokenizers.golden();
                PromptTokenizer own = load(declared)) {
            assertThat(own.encodePlain("Red<|a|>  Blue<|b|> x<|c|>\nplan bath"))
                    .containsExactly(376, 489, 36, 339, 490, 223, 90, 491, 201, 82, 78, 492, 344, 67, 259);
            assertThat(own.encode("Red")).isEqualTo(golden.encode("Red"));
            assertThat(own.isSpecial(489)).isTrue();
            assertThat(own.isSpecial(490)).isFalse();
            assertThat(own.isSpecial(491)).isTrue();
            assertThat(own.isSpecial(259)).isTrue();
            assertThat(own.changes()).as("two models, though one file").isNotEmpty();
        }
        try (PromptTokenizer known = load("{\"bos_token\": \"<s>\", \"pad_token\": \"<pad>\"}")) {
            assertThat(known.changes()).isEmpty();
        }
        assertThatThrownBy(() -> load("{\"added_tokens_decoder\": {\"x\": {\"content\": \"y\"}}}"))
                .hasMessageContaining("tokenizer_config.json: added_tokens_decoder must be an object with ids");
    }

    /** How a declared token is matched is said by tokenizer_config.json: ids as transformers 5.24 has them. */
    @Test
    void shouldMatchTokensAsTheTokenizersConfigurationDeclares() throws IOException {
        String text = "Red </s> Blue";
        String declared = "{\"added_tokens_decoder\": {\"1\": {\"content\": \"</s>\", \"lstrip\": %1$s, \"normalized\":"
                + " false, \"rstrip\": %1$s, \"single_word\": false, \"special\": true}}}";
        try (PromptTokenizer golden = Tokenizers.golden();
                PromptTokenizer same = load(declared.formatted(false));
                PromptTokenizer own = load(declared.formatted(true))) {
            assertThat(golden.encodePlain(text)).containsExactly(376, 223, 1, 357);
            assertThat(same.encodePlain(text)).containsExactly(376, 223, 1, 357);
            assertThat(same.changes()).isEmpty();
            assertThat(own.encodePlain(text)).containsExactly(376, 1, 36, 339);
            assertThat(own.changes()).as("two models, though one file").isNotEmpty();
            assertThat(own.isSpecial(1)).isTrue();
        }
    }

    @Test
    void shouldRefuseATokenizerThatReadsSpecialTokensAsLetters() throws IOException {
        load("{\"split_special_tokens\": false}").close();
        load("{\"split_special_tokens\": null}").close();
        assertThatThrownBy(() -> load("{\"split_special_tokens\": true}"))
                .hasMessageContaining("tokenizer_config.json: split_special_tokens must be false")
                .hasMessageEndingWith("got true");
    }

    /** transformers builds these classes anew by the key, so the two files would be two tokenizers. */
    @Test
    void shouldRefuseAnotherSpaceBeforeATextThanTheFileHas() throws IOException {
        for (String name : List.of("GPT2Tokenizer", "GPT2TokenizerFast", "LlamaTokenizerFast", "Qwen2Tokenizer")) {
            String settings = "{\"tokenizer_class\": \"" + name + "\", \"add_prefix_space\": ";
            assertThatThrownBy(() -> load(settings + "true}"))
                    .hasMessageContaining(
                            "tokenizer_config.json: add_prefix_space must be false, as in the pre_tokenizer"
                                    + " of tokenizer.json")
                    .hasMessageEndingWith("got true");
            load(settings + "false}").close();
            load(settings + "null}").close();
        }
        load("{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"add_prefix_space\": true}")
                .close();
        String metaspace = golden().replaceFirst(
                        "(?s)\"pre_tokenizer\": \\{.*?\\}",
                        "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Metaspace\","
                                + " \"replacement\": \"_\", \"prepend_scheme\": \"first\", \"split\": true}]}");
        Files.writeString(directory.resolve("tokenizer.json"), metaspace);
        Path settings = directory.resolve("tokenizer_config.json");
        Files.writeString(settings, "{\"tokenizer_class\": \"LlamaTokenizer\", \"add_prefix_space\": false}");
        assertThatThrownBy(() -> PromptTokenizer.load(directory)).hasMessageContaining("add_prefix_space must be true");
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
