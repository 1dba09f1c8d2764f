package io.calibrant.infra.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SourcesTest {
    private static final int COLUMNS = 120;

    @Test
    void shouldFindTheSourcesOfAllModulesNestedOnesToo() {
        assertThat(Sources.of("main"))
                .contains(
                        Path.of("schemas/src/main/java/io/calibrant/schemas/package-info.java"),
                        Path.of("infra/cluster/src/main/java/io/calibrant/cluster/package-info.java"));
        assertThat(Sources.of("test"))
                .contains(Path.of("infra/src/test/java/io/calibrant/infra/architecture/SourcesTest.java"));
    }

    /** The formatter keeps code within the width; long strings and comments at the end of a line it leaves alone. */
    @ParameterizedTest
    @ValueSource(strings = {"main", "test"})
    void shouldHaveNoLineOfMoreThan120Columns(String kind) {
        List<String> longer = new ArrayList<>();
        for (Path source : Sources.of(kind)) {
            List<String> lines = Sources.lines(source);
            for (int i = 0; i < lines.size(); i++) {
                int columns = lines.get(i).codePointCount(0, lines.get(i).length());
                if (columns > COLUMNS) {
                    longer.add(source + ":" + (i + 1) + " has " + columns + " columns");
                }
            }
        }
        assertThat(longer).as("lines of more than %d columns", COLUMNS).isEmpty();
    }
}
