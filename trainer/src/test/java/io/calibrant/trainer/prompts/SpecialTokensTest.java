package io.calibrant.trainer.prompts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpecialTokensTest {
    @TempDir
    Path directory;

    @Test
    void shouldReadBothIdsAndTheFirstOfAList() throws IOException {
        assertThat(read("{\"pad_token_id\": 2, \"eos_token_id\": 1}"))
                .isEqualTo(new SpecialTokens(2, OptionalInt.of(1)));
        assertThat(read("{\"pad_token_id\": -1, \"eos_token_id\": [7, 8]}"))
                .isEqualTo(new SpecialTokens(0, OptionalInt.of(7)));
    }

    @Test
    void shouldEndWithTheTokenizersTokenWhereTheModelHasSeveralOrNone() throws IOException {
        Files.copy(Path.of("src/test/resources/golden/tokenizer.json"), directory.resolve("tokenizer.json"));
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\": {\"content\": \"</s>\"}}");
        assertThat(read("{\"eos_token_id\": [2, 1]}").eos()).hasValue(1);
        assertThat(read("{}").eos()).hasValue(1);
        assertThat(read("{\"eos_token_id\": 2}").eos()).hasValue(2);
        try (PromptTokenizer tokenizer = PromptTokenizer.load(directory)) {
            assertThat(SpecialTokens.changes(directory, tokenizer, true)).isEmpty();
            read("{\"eos_token_id\": [2, 1]}");
            assertThat(SpecialTokens.changes(directory, tokenizer, true)).isNotEmpty();
            assertThat(SpecialTokens.changes(directory, tokenizer, false))
                    .as("no prompt ends with it")
                    .isEmpty();
        }
        Files.writeString(directory.resolve("tokenizer_config.json"), "{}");
        assertThat(read("{\"eos_token_id\": [2, 1]}").eos()).hasValue(2);
    }

    @Test
    void shouldPadWithAnIdThatTheModelHas() throws IOException {
        assertThat(read("{\"pad_token_id\": 32000, \"vocab_size\": 32000}").pad())
                .isZero();
        assertThat(read("{\"pad_token_id\": 31999, \"vocab_size\": 32000}").pad())
                .isEqualTo(31999);
    }

    @Test
    void shouldDoWithoutEither() throws IOException {
        assertThat(read("{\"pad_token_id\": null}")).isEqualTo(new SpecialTokens(0, OptionalInt.empty()));
    }

    @Test
    void shouldNameAMissingFile() {
        assertThatThrownBy(() -> SpecialTokens.read(directory))
                .hasMessageContaining(directory.resolve("config.json").toString());
    }

    private SpecialTokens read(String json) throws IOException {
        Files.writeString(directory.resolve("config.json"), json);
        return SpecialTokens.read(directory);
    }
}
