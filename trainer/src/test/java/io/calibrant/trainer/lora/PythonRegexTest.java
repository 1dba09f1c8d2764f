package io.calibrant.trainer.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class PythonRegexTest {

    /** Python's re.fullmatch takes the first text and not the second. */
    @Test
    void shouldMatchAsPython() {
        assertMatches("layers\\.(?P<layer_idx>\\d+)\\.(?P<which_one>q|v)_proj", "layers.1.q_proj", "layers.1.k_proj");
        assertMatches("(?P<a_b>.)(?P<ab>.)(?P=a_b)(?P=ab)", "xyxy", "xyyx");
        assertMatches("layers\\.\\d{,2}\\.q", "layers.11.q", "layers.111.q");
        assertMatches("a{,}b{2}c{1,}d{1,2}", "bbccdd", "bccd");
        assertMatches("x{}{a}{1, 2}", "x{}{a}{1, 2}", "x");
        assertMatches(".*[[qv]_proj", "self_attn.v_proj", "self_attn.k_proj");
        assertMatches("[a-z&&k]_proj", "q_proj", "Q_proj");
        assertMatches("[]x][^]x]", "]y", "y]");
        assertMatches("[\\]{(]+[.]\\(\\[{2}", "]({.([[", "x.([[");
        assertMatches("(?:q|v)(?=_p)_proj\\Z", "q_proj", "k_proj");
        assertMatches("(?i:Q)_proj", "q_proj", "q_PROJ");
    }

    @Test
    void shouldLeaveWhatIsNoRegularExpression() {
        assertThat(List.of("(q_proj", "[qv", "q\\", "(?P=other)"))
                .allSatisfy(regex -> assertThatThrownBy(() -> Pattern.compile(PythonRegex.inJava(regex)))
                        .isInstanceOf(IllegalArgumentException.class));
    }

    private static void assertMatches(String regex, String yes, String no) {
        Pattern java = Pattern.compile(PythonRegex.inJava(regex));
        assertThat(yes).as(regex).matches(java);
        assertThat(no).as(regex).doesNotMatch(java);
    }
}
