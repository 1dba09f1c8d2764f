package io.calibrant.infra.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AllowListTest {
    private static AllowList parse(String... paragraph) {
        return AllowList.parse(
                "A.java",
                List.of(("/**\n * Text.\n *\n" + String.join("\n", paragraph) + "\n */\npackage a.b;").split("\n")));
    }

    @Test
    void shouldReadNamesThatGoOverLines() {
        AllowList list = parse(" * <p>May depend on: {@code a.c}, {@code org.apache.kafka.common},", " * {@code d}.");
        assertThat(list).isEqualTo(new AllowList("a.b", Set.of("a.c", "org.apache.kafka.common", "d")));
        assertThat(List.of("a.b", "a.c", "a.c.e", "d", "java.util", "javax.net.ssl"))
                .allMatch(list::allows);
        assertThat(List.of("a.b.c", "a.cc", "a", "org.apache.kafka.streams", "javas"))
                .noneMatch(list::allows);
    }

    @Test
    void shouldReadThatThereIsNothing() {
        assertThat(parse(" * <p>May depend on: nothing but the JDK.").allowed()).isEmpty();
    }

    @Test
    void shouldRefuseWhatIsNotInItsForm() {
        for (String paragraph : List.of(
                " * <p>May depend on: Kafka.",
                " * <p>May depend on: {@code a.c} and {@code d}.",
                " * <p>May depend on: {@code a.c}.\n *\n * <p>And this.",
                " * <p>May use {@code a.c}.")) {
            assertThatThrownBy(() -> parse(paragraph))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("A.java: the last paragraph must be '<p>May depend on: {@code a.package}");
        }
    }
}
