package io.calibrant.schemas.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PrintableTest {
    @Test
    void shouldLeaveTextAlone() {
        for (String text : new String[] {"", "q1", "Wie groß? \u6f22 \uFFFD", "\uD83D\uDE00 a\\b"}) {
            assertThat(Printable.text(text)).isEqualTo(text);
        }
        assertThat(Printable.text(null)).isNull();
    }

    @Test
    void shouldEscapeWhatATerminalWouldObey() {
        assertThat(Printable.text("q1\u001b[2J\nq2  A\r\t\u0000\u007f"))
                .isEqualTo("q1\\u001b[2J\\u000aq2  A\\u000d\\u0009\\u0000\\u007f");
        assertThat(Printable.text(
                        "\u009b31m a\u202Eb\u2028c\u2029d\u200Be\uFEFF")) // CSI in one character, directions, line ends
                .isEqualTo("\\u009b31m a\\u202eb\\u2028c\\u2029d\\u200be\\ufeff");
        assertThat(Printable.text("half \uD83D")).isEqualTo("half \\ud83d");
        assertThat(Printable.text("\uDB40\uDC41")).as("a tag character").isEqualTo("\\udb40\\udc41");
    }

    @Test
    void shouldCutAndSayHowLongItWas() {
        assertThat(Printable.text("a".repeat(10), 10)).isEqualTo("a".repeat(10));
        assertThat(Printable.text("a".repeat(11), 10)).isEqualTo("a".repeat(10) + "\u2026 (11 characters)");
        assertThat(Printable.name("\u001b".repeat(540_000)))
                .hasSizeLessThan(160)
                .endsWith("(540000 characters)");
    }

    @Test
    void shouldKeepTheLinesOfAStackTrace() {
        assertThat(Printable.lines("a\n\tb\u001b\r\n", 100)).isEqualTo("a\n\tb\\u001b\\u000d\n");
    }
}
