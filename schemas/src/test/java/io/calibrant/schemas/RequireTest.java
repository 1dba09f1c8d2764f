package io.calibrant.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class RequireTest {
    @Test
    void shouldAcceptBothBoundsAndNothingBeyond() {
        accepted(() -> Require.between("--threads", 1, 1, 64));
        accepted(() -> Require.between("--threads", 64, 1, 64));
        refused(() -> Require.between("--threads", 0, 1, 64), "--threads must be 1 to 64, got 0");
        refused(() -> Require.between("--threads", 65, 1, 64), "--threads must be 1 to 64, got 65");
    }

    @Test
    void shouldRefuseWhatIsNoNumber() {
        accepted(() -> Require.between("--fraction", 0.5, 0, 1));
        refused(() -> Require.between("--fraction", 1.5, 0.0, 1), "--fraction must be 0 to 1, got 1.5");
        refused(() -> Require.between("--fraction", Double.NaN, 0, 1), "--fraction must be 0 to 1, got NaN");
        refused(
                () -> Require.atLeast("--half-life", Double.NaN, 1),
                "--half-life must be 1 or more and finite, got NaN");
        refused(
                () -> Require.atLeast("--half-life", Double.POSITIVE_INFINITY, 1),
                "--half-life must be 1 or more and finite, got Infinity");
        refused(() -> Require.above("--scale", Double.NaN, 0), "--scale must be above 0 and finite, got NaN");
    }

    @Test
    void shouldRefuseWhatIsBelowALowerBound() {
        accepted(() -> Require.atLeast("--count", 1, 1));
        refused(() -> Require.atLeast("--count", 0, 1), "--count must be 1 or more, got 0");
        accepted(() -> Require.atLeast("--half-life", 1.0, 1));
        refused(() -> Require.atLeast("--half-life", 0.5, 1), "--half-life must be 1 or more and finite, got 0.5");
        accepted(() -> Require.above("--scale", 0.1, 0));
        refused(() -> Require.above("--scale", 0.0, 0), "--scale must be above 0 and finite, got 0");
    }

    @Test
    void shouldListWhatCanBeChosen() {
        accepted(() -> Require.oneOf("--tier", "map", List.of("all", "map")));
        refused(
                () -> Require.oneOf("--tier", "none", List.of("all", "map")),
                "--tier must be one of all, map, got 'none'");
        refused(
                () -> Require.oneOf("--tier", null, List.of("all", "map")),
                "--tier must be one of all, map, got nothing");
    }

    @Test
    void shouldRefuseBlankTexts() {
        accepted(() -> Require.notBlank("--run", "r"));
        refused(() -> Require.notBlank("--run", " "), "--run must be a text that is not blank, got ' '");
        refused(() -> Require.notBlank("--run", null), "--run must be a text that is not blank, got nothing");
    }

    @Test
    void shouldNameKeyValueAcceptedAndOrigin() {
        ConfigurationException refused = new ConfigurationException("--shard", "3/2", "i/N with i below N");
        assertThat(refused).hasMessage("--shard must be i/N with i below N, got '3/2'");
        assertThat(refused.origin()).isEmpty();

        ConfigurationException named = refused.from("CALIBRANT_SHARD");
        assertThat(named).hasMessage("--shard must be i/N with i below N, got '3/2' (from CALIBRANT_SHARD)");
        assertThat(named.key()).isEqualTo("--shard");
        assertThat(named.value()).isEqualTo("'3/2'");
        assertThat(named.accepted()).isEqualTo("i/N with i below N");
        assertThat(named.origin()).contains("CALIBRANT_SHARD");
        assertThat(named.getStackTrace()).isEqualTo(refused.getStackTrace());
    }

    @Test
    void shouldKeepTheCause() {
        RuntimeException cause = new NumberFormatException("x");
        assertThat(new ConfigurationException("--rank", "x", "a number", cause).from("CALIBRANT_RANK"))
                .hasCause(cause);
    }

    @Test
    void shouldNeverShowASecret() {
        assertThat(new ConfigurationException("basic.auth.user.info", "me:hunter2", "USER:PASSWORD"))
                .hasMessage("basic.auth.user.info must be USER:PASSWORD, got '********'");
        assertThat(new ConfigurationException("--schema-registry", "ftp://me:hunter2@r", "an http address"))
                .hasMessage("--schema-registry must be an http address, got 'ftp://********@r'");
    }

    @Test
    void shouldGiveOtherExceptionsTheSameForm() {
        assertThat(Require.message("choices", 0, "2 to 26 choices"))
                .isEqualTo("choices must be 2 to 26 choices, got 0");
        assertThat(Require.message("file", Path.of("a"), "a file")).isEqualTo("file must be a file, got 'a'");
        // What is not configuration holds no secret, whatever word its key contains.
        assertThat(Require.message("the token of label 'A'", 7, "below 5"))
                .isEqualTo("the token of label 'A' must be below 5, got 7");
    }

    private static void accepted(ThrowingCallable check) {
        assertThatCode(check).doesNotThrowAnyException();
    }

    private static void refused(ThrowingCallable check, String message) {
        assertThatThrownBy(check).isInstanceOf(ConfigurationException.class).hasMessage(message);
    }
}
